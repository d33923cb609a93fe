"""Where a rollout's neighbours come from: vesin on the CPU, on other devices a search that never waits for them."""

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
    """What a search sees around all atoms."""

    neighbors: Neighbors
    closest: Float[Tensor, " systems"]  # Å between two atoms; the cutoff where none are closer
    required_capacity: Int[Tensor, " sizes"]  # to see everything, the search must have these sizes


class Search(Protocol):
    """Finds neighbours of one set of systems."""

    @property
    def capacity(self) -> Sequence[int]:
        """How much it can hold; it misses neighbours when any of these is less than needed."""

    def __call__(self, state: State) -> NeighborResult:
        """The neighbours in one state of the systems."""

    def with_capacity(self, required_capacity: Sequence[int]) -> Search:
        """The same search that can hold `required_capacity` and some more."""


@dataclass(frozen=True, slots=True)
class HostSearch:
    """On the CPU: as many edges as there are, so that there is nothing to outgrow."""

    cutoff: float

    @property
    def capacity(self) -> Sequence[int]:
        return ()

    def __call__(self, state: State) -> NeighborResult:
        found = find_neighbors(state, self.cutoff)
        ends = torch.bincount(state.system_idx, minlength=state.n_systems).cumsum(0)
        closest = torch.segment_reduce(
            torch.linalg.vector_norm(found.vectors, dim=1),
            "min",
            lengths=found.first[ends].diff(prepend=ends.new_zeros(1)),
            initial=self.cutoff,
        )
        return NeighborResult(found, closest, torch.empty(0, dtype=torch.long))

    def with_capacity(self, required_capacity: Sequence[int]) -> Search:
        return self


@dataclass(frozen=True, slots=True)
class FixedSearch:
    """On any device: room for so many neighbours and no more, in static shapes."""

    search: DeviceSearch

    @property
    def capacity(self) -> Sequence[int]:
        return self.search.max_neighbors, self.search.bin_capacity

    def __call__(self, state: State) -> NeighborResult:
        found = self.search(state.positions)
        neighbors = found.neighbors
        distance = torch.linalg.vector_norm(neighbors.vectors, dim=1).view(state.n_atoms, -1).amin(1)
        closest = distance.new_full((state.n_systems,), self.search.cutoff)
        return NeighborResult(
            neighbors, closest.scatter_reduce(0, state.system_idx, distance, "amin"), found.required_capacity
        )

    def with_capacity(self, required_capacity: Sequence[int]) -> Search:
        return FixedSearch(self.search.with_capacity(required_capacity))


def search_for(state: State, cutoff: float) -> Search:
    """The search for systems like `state` on its device."""
    if state.positions.device.type == "cpu":
        return HostSearch(cutoff)
    search = device_search(state, cutoff)
    return FixedSearch(search.with_capacity((search.max_neighbors, search.bin_capacity)))
