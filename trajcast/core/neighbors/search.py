"""Neighbour searches for rollouts: vesin on the CPU, a search without synchronisation on other devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from trajcast.core.neighbors.cell_list import DeviceSearch, device_search
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True)
class NeighborResult:
    """Result of a neighbour search."""

    neighbors: Neighbors
    closest: Float[Tensor, " systems"]  # shortest distance, Å; the cutoff if there is no pair within it
    required_capacity: Int[Tensor, " sizes"]  # the neighbour list is complete if `Search.capacity` is at least this


class Search(Protocol):
    """Neighbour search for a fixed set of systems."""

    @property
    def capacity(self) -> Sequence[int]:
        """Capacities; the search misses neighbours if any is below `NeighborResult.required_capacity`."""

    def __call__(self, state: State) -> NeighborResult:
        """Find the neighbours in one state of the systems."""

    def with_capacity(self, required_capacity: Sequence[int]) -> Search:
        """The same search with at least `required_capacity` plus a margin."""


@dataclass(frozen=True, slots=True)
class HostSearch:
    """Search on the CPU, without padding and with unlimited capacity."""

    cutoff: float

    @property
    def capacity(self) -> Sequence[int]:
        return ()

    def __call__(self, state: State) -> NeighborResult:
        neighbors = find_neighbors(state, self.cutoff)
        ends = torch.bincount(state.system_idx, minlength=state.n_systems).cumsum(0)
        closest = torch.segment_reduce(
            torch.linalg.vector_norm(neighbors.vectors, dim=1),
            "min",
            lengths=neighbors.first[ends].diff(prepend=ends.new_zeros(1)),
            initial=self.cutoff,
        )
        return NeighborResult(neighbors, closest, torch.empty(0, dtype=torch.long))

    def with_capacity(self, required_capacity: Sequence[int]) -> Search:
        return self


@dataclass(frozen=True, slots=True)
class FixedSearch:
    """Search on any device, with tensors of static shape and fixed capacity."""

    search: DeviceSearch

    @property
    def capacity(self) -> Sequence[int]:
        return self.search.max_neighbors, self.search.bin_capacity

    def __call__(self, state: State) -> NeighborResult:
        result = self.search(state.positions)
        neighbors = result.neighbors
        distance = torch.linalg.vector_norm(neighbors.vectors, dim=1).view(state.n_atoms, -1).amin(1)
        closest = distance.new_full((state.n_systems,), self.search.cutoff)
        return NeighborResult(
            neighbors, closest.scatter_reduce(0, state.system_idx, distance, "amin"), result.required_capacity
        )

    def with_capacity(self, required_capacity: Sequence[int]) -> Search:
        return FixedSearch(self.search.with_capacity(required_capacity))


def search_for(state: State, cutoff: float) -> Search:
    """Build the search for systems like `state` on its device."""
    if state.positions.device.type == "cpu":
        return HostSearch(cutoff)
    search = device_search(state, cutoff)
    return FixedSearch(search.with_capacity((search.max_neighbors, search.bin_capacity)))
