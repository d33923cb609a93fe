"""The neighbours in all samples of a split, found once and kept small.

Positions say where a neighbour is; what is kept of it is its number, that of the image of the cell it lies in, and that
of the pair: seven bytes an edge. The paper's largest data set, 5000 samples of 16 554 edges, takes 580 MB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.data.dataset import Pairs
from trajcast.io.progress import progress

if TYPE_CHECKING:
    from jaxtyping import Float, Int

AT_ONCE = 16  # samples in one search


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborLists:
    """Which atoms lie within `cutoff` of each atom of each sample, and in which image of the cell.

    After the edges of all samples comes one that stands for room that is not used.
    """

    cutoff: float  # Å
    shifts: Float[Tensor, "images 3"]  # Å, of each image of the cell; last the vector of room
    counts: Int[Tensor, "samples atoms"]  # neighbours of each atom
    starts: Int[Tensor, " samples"]  # where the edges of each sample begin
    index: Int[Tensor, " edges"]  # number of the neighbour in its sample; −1 for room
    image: Int[Tensor, " edges"]  # row of `shifts`
    pair: Int[Tensor, " edges"] | None  # number of the pair in its sample, where they were numbered
    edges: NDArray[np.int64]  # of each sample

    def neighbors(
        self, chosen: Int[Tensor, " batch"], positions: Float[Tensor, "batch*atoms 3"], edge_capacity: int
    ) -> Neighbors:
        """The neighbours in the `chosen` samples at these `positions` (Å), padded to `edge_capacity` edges.

        Shapes depend on `edge_capacity` alone and nothing waits for the device.
        """
        counts = self.counts.index_select(0, chosen)
        batch, atoms = counts.shape
        first = torch.nn.functional.pad(counts.flatten().cumsum(0), (1, 0))
        left = edge_capacity - first[-1:]
        sample = torch.repeat_interleave(
            torch.cat([counts.sum(1), left]), output_size=edge_capacity
        )  # `batch` for room
        atom = torch.repeat_interleave(torch.cat([counts.flatten(), left]), output_size=edge_capacity)
        end = len(self.index) - 1
        shift = torch.nn.functional.pad(self.starts.index_select(0, chosen) - first[:-1:atoms], (0, 1), value=end)
        source = (torch.arange(edge_capacity, device=first.device) + shift.index_select(0, sample)).clamp(max=end)
        index = self.index.index_select(0, source) + atoms * sample  # the last atom for room
        vectors = positions.index_select(0, index) - positions.index_select(0, atom.clamp(max=batch * atoms - 1))
        vectors += self.shifts.index_select(0, self.image.index_select(0, source).long())
        found = Neighbors(first=first, index=index, vectors=vectors, cutoff=self.cutoff)
        if self.pair is None:
            return found
        before = torch.nn.functional.pad(
            first[:-1:atoms] // 2, (0, 1), value=edge_capacity // 2
        )  # pairs, and room's number
        pair = self.pair.index_select(0, source) + before.index_select(0, sample)
        return replace(found, pair=pair, pairs=edge_capacity // 2 + 1)


def in_cell(pairs: Pairs) -> Pairs:
    """The same pairs with all positions in the cell, in float64: so the images that neighbours lie in are few."""
    cell = pairs.spec.cell * pairs.spec.pbc[:, None]
    positions = pairs.positions.astype(np.float64)
    return replace(pairs, positions=positions - np.floor(positions @ np.linalg.pinv(cell)) @ cell)


def find_lists(pairs: Pairs, cutoff: float, device: torch.device | str, at_most: int) -> NeighborLists | None:
    """The lists of `pairs`, all in the cell, on `device`; None where they would take more than `at_most` bytes."""
    atoms, cells = pairs.spec.n_atoms, _Cells(pairs, cutoff)
    to_cells, strides, shifts = (
        torch.as_tensor(x, device=device) for x in (cells.inverse, cells.strides, cells.shifts)
    )
    index_type = torch.int16 if atoms <= 2**15 else torch.int32
    image_type = torch.uint8 if len(shifts) <= 2**8 else torch.int16
    counts: list[Tensor] = []
    index, image, pair, taken = [], [], [], 0
    with progress("neighbours", len(pairs), unit="pairs") as advance:
        for start in range(0, len(pairs), AT_ONCE):
            chosen = np.arange(start, min(start + AT_ONCE, len(pairs)))
            state, _, _ = pairs.batch(chosen, device=device)
            found = find_neighbors(state, cutoff)
            counts.append(found.first.diff().reshape(len(chosen), atoms))
            atom = torch.repeat_interleave(counts[-1].flatten())
            plain = state.positions.index_select(0, found.index) - state.positions.index_select(0, atom)
            image.append((torch.round((found.vectors - plain) @ to_cells) @ strides + cells.home).to(image_type))
            index.append((found.index % atoms).to(index_type))
            pair += _pairs_of_samples(found, atoms)
            taken += index[-1].nbytes + image[-1].nbytes + sum(x.nbytes for x in pair[-1:])
            if taken > at_most:
                return None
            advance(len(chosen))
    all_counts = torch.cat(counts)
    edges = all_counts.sum(1)
    return NeighborLists(
        cutoff=cutoff,
        shifts=shifts,
        counts=all_counts,
        starts=edges.cumsum(0) - edges,
        index=torch.cat([*index, index[0].new_tensor([-1])]),
        image=torch.cat([*image, image[0].new_tensor([len(shifts) - 1])]),
        pair=torch.cat([*pair, pair[0].new_tensor([0])]) if pair else None,
        edges=edges.cpu().numpy(),
    )


def _pairs_of_samples(found: Neighbors, atoms: int) -> list[Int[Tensor, " edges"]]:
    """The number of each edge's pair among those of its sample; nothing where pairs are not numbered."""
    if found.pair is None:
        return []
    edges_before = found.first[:-1:atoms].contiguous()
    numbers = torch.arange(len(found.index), device=edges_before.device)
    sample = torch.bucketize(numbers, edges_before[1:], right=True)
    return [(found.pair - (edges_before // 2).index_select(0, sample)).to(torch.int32)]


class _Cells:
    """The images of the cell that a neighbour of an atom in the cell can lie in, numbered."""

    def __init__(self, pairs: Pairs, cutoff: float):
        pbc = pairs.spec.pbc
        cell = pairs.spec.cell * pbc[:, None]
        self.inverse = np.linalg.pinv(cell)
        reach = np.floor(cutoff * np.linalg.norm(self.inverse, axis=0) + 1).astype(int) * pbc
        steps = [np.arange(-n, n + 1) for n in reach]
        grid = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        self.shifts = np.concatenate([grid @ cell, [[cutoff, 0.0, 0.0]]])  # Å, and the vector of room
        n, m = 2 * reach[1] + 1, 2 * reach[2] + 1
        self.strides = np.array([n * m, m, 1.0])  # times an image's three numbers, and plus `home`: its row
        self.home = len(grid) // 2
