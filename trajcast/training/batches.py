"""Batches of pairs with their neighbour lists, at negligible cost per batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State
from trajcast.data.dataset import Pairs
from trajcast.data.neighbor_lists import find_lists, in_cell
from trajcast.model.network import CachedConstants, TrajCast

if TYPE_CHECKING:
    from jaxtyping import Float, Int

KEPT_BYTES = {"cuda": 2 * 2**30}
"""Memory limit of stored neighbour lists, by device type; beyond it, neighbours are searched for every batch.

On a CPU nothing is stored: for 192 atoms the search takes 1 ms, storing takes 2 ms before the first update and 70 kB.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several samples joined into one state, with their targets one horizon later."""

    state: State
    neighbors: Neighbors
    constants: CachedConstants
    displacement: Float[Tensor, "atoms 3"]  # Å
    velocity: Float[Tensor, "atoms 3"]  # Å/fs
    later_displacement: Float[Tensor, "atoms 3"] | None = None  # Å, over the second horizon
    later_velocity: Float[Tensor, "atoms 3"] | None = None  # Å/fs, two horizons later


class Batches:
    """Pairs on the device of `model`, provided as batches of arbitrary samples with their neighbours."""

    def __init__(self, pairs: Pairs, model: TrajCast):
        self.model, self.pairs, self.device = model, in_cell(pairs), model.device
        kept_bytes = KEPT_BYTES.get(self.device.type, 0)
        self.lists = find_lists(self.pairs, model.scales.cutoff, self.device, kept_bytes) if kept_bytes else None
        arrays = [self.pairs.positions, pairs.velocities, pairs.displacements, pairs.new_velocities]
        if pairs.later_displacements is not None and pairs.later_velocities is not None:
            arrays += [pairs.later_displacements, pairs.later_velocities]
        self.arrays = [torch.as_tensor(array, device=self.device) for array in arrays]
        self.templates: dict[int, tuple[State, CachedConstants]] = {}  # by number of samples

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, chosen: NDArray[np.integer]) -> Batch:
        """Batch of the `chosen` samples."""
        on_device = torch.as_tensor(chosen).to(self.device, non_blocking=True)
        if self.lists is None:
            return self._batch(on_device, lambda state: find_neighbors(state, self.model.scales.cutoff))
        lists, edge_capacity = self.lists, int(self.lists.edges[chosen].sum())

        def neighbors(state: State) -> Neighbors:
            # no padding: without the padding pair, sums over pairs equal those of a new neighbour search
            return replace(lists.neighbors(on_device, state.positions, edge_capacity), pairs=edge_capacity // 2)

        return self._batch(on_device, neighbors)

    def padded(self, chosen: Int[Tensor, " samples"]) -> Batch:
        """Batch of the `chosen` samples, padded to the edge capacity of any batch of this size.

        All tensor shapes depend on the number of samples only, and nothing synchronises with the GPU. `chosen` must be
        on the device of the model, and the neighbour lists must be stored (`self.lists`).
        """
        assert self.lists is not None
        lists, edge_capacity = self.lists, len(chosen) * int(self.lists.edges.max())
        return self._batch(chosen, lambda state: lists.neighbors(chosen, state.positions, edge_capacity))

    def _batch(self, chosen: Int[Tensor, " samples"], neighbors: Callable[[State], Neighbors]) -> Batch:
        size = len(chosen)
        if size not in self.templates:
            template, _, _ = self.pairs.batch(np.zeros(size, dtype=np.int64), device=self.device)
            self.templates[size] = template, self.model.constants(template)
        template, constants = self.templates[size]
        positions, velocities, *targets = (
            array.index_select(0, chosen).flatten(0, 1).to(template.positions.dtype) for array in self.arrays
        )
        state = replace(template, positions=positions, velocities=velocities)
        names = ("displacement", "velocity", "later_displacement", "later_velocity")
        return Batch(
            state=state, neighbors=neighbors(state), constants=constants, **dict(zip(names, targets, strict=False))
        )
