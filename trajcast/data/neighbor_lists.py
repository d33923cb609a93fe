"""Neighbour lists of all samples of a split, computed once and stored compactly.

Vectors follow from positions; stored are the neighbour's index, its periodic image and the number of the pair, seven
bytes per edge. The paper's largest data set, 5000 samples of 16 554 edges, takes 580 MB.
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

AT_ONCE = 16  # samples per search


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborLists:
    """Neighbours of each atom of each sample, with their periodic images.

    The edges of all samples are followed by one padding edge.
    """

    cutoff: float  # Å
    shifts: Float[Tensor, "images 3"]  # Å, of each periodic image; the last is the vector of the padding edge
    counts: Int[Tensor, "samples atoms"]  # neighbours of each atom
    starts: Int[Tensor, " samples"]  # first edge of each sample
    index: Int[Tensor, " edges"]  # of the neighbour within its sample; −1 for padding
    image: Int[Tensor, " edges"]  # row of `shifts`
    pair: Int[Tensor, " edges"] | None  # number of the pair within its sample; None if pairs are not numbered
    edges: NDArray[np.int64]  # number of edges of each sample

    def neighbors(
        self, chosen: Int[Tensor, " batch"], positions: Float[Tensor, "batch*atoms 3"], edge_capacity: int
    ) -> Neighbors:
        """Neighbours in the `chosen` samples at `positions` (Å), padded to `edge_capacity` edges.

        Shapes depend only on the number of samples and `edge_capacity`, and nothing synchronises with the GPU.
        """
        counts = self.counts.index_select(0, chosen)
        batch, atoms = counts.shape
        first = torch.nn.functional.pad(counts.flatten().cumsum(0), (1, 0))
        padding = edge_capacity - first[-1:]
        # padding edges belong to sample `batch`
        sample = torch.repeat_interleave(torch.cat([counts.sum(1), padding]), output_size=edge_capacity)
        atom = torch.repeat_interleave(torch.cat([counts.flatten(), padding]), output_size=edge_capacity)
        end = len(self.index) - 1
        shift = torch.nn.functional.pad(self.starts.index_select(0, chosen) - first[:-1:atoms], (0, 1), value=end)
        source = (torch.arange(edge_capacity, device=first.device) + shift.index_select(0, sample)).clamp(max=end)
        index = self.index.index_select(0, source) + atoms * sample  # the last atom for padding
        vectors = positions.index_select(0, index) - positions.index_select(0, atom.clamp(max=batch * atoms - 1))
        vectors += self.shifts.index_select(0, self.image.index_select(0, source).long())
        neighbors = Neighbors(first=first, index=index, vectors=vectors, cutoff=self.cutoff)
        if self.pair is None:
            return neighbors
        # number of pairs before each sample; the last is the pair of all padding edges
        before = torch.nn.functional.pad(first[:-1:atoms] // 2, (0, 1), value=edge_capacity // 2)
        pair = self.pair.index_select(0, source) + before.index_select(0, sample)
        return replace(neighbors, pair=pair, pairs=edge_capacity // 2 + 1)


def in_cell(pairs: Pairs) -> Pairs:
    """Wrap all positions into the cell, in float64, so that neighbours lie in few periodic images."""
    cell = pairs.spec.cell * pairs.spec.pbc[:, None]
    positions = pairs.positions.astype(np.float64)
    return replace(pairs, positions=positions - np.floor(positions @ np.linalg.pinv(cell)) @ cell)


def find_lists(pairs: Pairs, cutoff: float, device: torch.device | str, at_most: int) -> NeighborLists | None:
    """Neighbour lists of wrapped `pairs` on `device`; None if they would take more than `at_most` bytes."""
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
            neighbors = find_neighbors(state, cutoff)
            counts.append(neighbors.first.diff().reshape(len(chosen), atoms))
            atom = torch.repeat_interleave(counts[-1].flatten())
            unshifted = state.positions.index_select(0, neighbors.index) - state.positions.index_select(0, atom)
            image.append(
                (torch.round((neighbors.vectors - unshifted) @ to_cells) @ strides + cells.home).to(image_type)
            )
            index.append((neighbors.index % atoms).to(index_type))
            pair += _pairs_of_samples(neighbors, atoms)
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


def _pairs_of_samples(neighbors: Neighbors, atoms: int) -> list[Int[Tensor, " edges"]]:
    """Number of each edge's pair within its sample; empty if pairs are not numbered."""
    if neighbors.pair is None:
        return []
    edges_before = neighbors.first[:-1:atoms].contiguous()
    numbers = torch.arange(len(neighbors.index), device=edges_before.device)
    sample = torch.bucketize(numbers, edges_before[1:], right=True)
    return [(neighbors.pair - (edges_before // 2).index_select(0, sample)).to(torch.int32)]


class _Cells:
    """Numbered periodic images that can contain a neighbour of a wrapped atom."""

    def __init__(self, pairs: Pairs, cutoff: float):
        pbc = pairs.spec.pbc
        cell = pairs.spec.cell * pbc[:, None]
        self.inverse = np.linalg.pinv(cell)
        reach = np.floor(cutoff * np.linalg.norm(self.inverse, axis=0) + 1).astype(int) * pbc
        steps = [np.arange(-n, n + 1) for n in reach]
        grid = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        self.shifts = np.concatenate([grid @ cell, [[cutoff, 0.0, 0.0]]])  # Å; the last is that of the padding edge
        n, m = 2 * reach[1] + 1, 2 * reach[2] + 1
        self.strides = np.array([n * m, m, 1.0])  # row of an image: its three numbers times these, plus `home`
        self.home = len(grid) // 2
