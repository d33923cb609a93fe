"""Cell-list neighbour search on the device of the positions, with static shapes and without synchronisation.

Each system is divided into bins along its periodic directions, whatever the shape of its cell. Candidate neighbours of
an atom are the atoms in the surrounding bins, periodic images included; which bins surround another depends on the cell
alone. The cost is linear in the number of atoms if all directions are periodic; a non-periodic direction has one bin,
so the cost is quadratic in vacuum.
Vesin's CUDA search is no substitute: it copies the number of pairs to the host and allocates its results at every call,
so a CUDA graph cannot capture it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

CANDIDATES = 2**22  # processed at once, which limits memory to about 200 MB

# Shape suffixes: N atoms, B systems, X xyz, G bins, I surrounding bins, R atoms in a bin, C candidates, S neighbours of
# an atom. R and S have the lengths `bin_capacity` and `max_neighbors`.


@dataclass(frozen=True, slots=True, kw_only=True)
class CellListResult:
    """Result of a search; neighbours are missing if `required_capacity` exceeds the capacity of the search."""

    neighbors: Neighbors
    count_N: Int[Tensor, " atoms"]  # number of neighbours
    fullest: Int[Tensor, ""]  # number of atoms in the fullest bin

    @property
    def required_capacity(self) -> Int[Tensor, " 2"]:
        """The `max_neighbors` and `bin_capacity` that a complete search needs."""
        return torch.stack([self.count_N.amax(), self.fullest])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSearch:
    """Neighbour search for systems with fixed atoms and cells, of limited capacity."""

    cutoff: float  # Å
    max_neighbors: int  # capacity per atom
    bin_capacity: int  # capacity per bin, atoms
    system_N: Int[Tensor, " atoms"]
    cell_BXX: Float[Tensor, "systems 3 3"]  # completed along directions that are not periodic
    inverse_BXX: Float[Tensor, "systems 3 3"]
    periodic_BX: Bool[Tensor, "systems 3"]
    bins_BX: Int[Tensor, "systems 3"]
    first_bin_B: Int[Tensor, " systems"]
    around_GI: Int[Tensor, "bins around"]  # the bin itself first; padded with an empty bin
    shift_GIX: Float[Tensor, "bins around 3"]  # Å, of the periodic image

    def __call__(self, positions: Float[Tensor, "atoms 3"]) -> CellListResult:
        """Find the neighbours of atoms at `positions`, which may lie outside the cell.

        Every atom has `max_neighbors` edges; padding points to the atom itself with a vector of cutoff length.
        Vectors are computed in float64 and returned in the dtype of the positions.
        """
        wrapped_NX, bin_N = self._wrapped(positions.detach().double())
        table_GR, fullest = self._bins(bin_N)
        atoms = len(positions)
        rows = max(1, CANDIDATES // (self.around_GI.shape[1] * self.bin_capacity))
        parts = [
            self._near(wrapped_NX, bin_N, table_GR, start, min(start + rows, atoms)) for start in range(0, atoms, rows)
        ]
        index_NS, vector_NSX, count_N = (torch.cat(part) for part in zip(*parts, strict=True))
        neighbors = Neighbors(
            first=torch.arange(atoms + 1, device=positions.device) * self.max_neighbors,
            index=index_NS.flatten(),
            vectors=vector_NSX.flatten(0, 1).to(positions.dtype),
            cutoff=self.cutoff,
        )
        return CellListResult(neighbors=neighbors, count_N=count_N, fullest=fullest)

    def with_capacity(self, required_capacity: Sequence[int]) -> DeviceSearch:
        """The same search with at least `required_capacity` plus a margin."""
        max_neighbors, bin_capacity = (
            max(old, _with_margin(new))
            for old, new in zip((self.max_neighbors, self.bin_capacity), required_capacity, strict=True)
        )
        return replace(self, max_neighbors=max_neighbors, bin_capacity=bin_capacity)

    def _wrapped(self, positions: Float[Tensor, "atoms 3"]) -> tuple[Tensor, Int[Tensor, " atoms"]]:
        """Wrap positions into the cell along periodic directions, and assign each atom to a bin."""
        system_N = self.system_N
        fraction_NX = (positions[:, None] @ self.inverse_BXX[system_N])[:, 0]
        whole_NX = fraction_NX.floor() * self.periodic_BX[system_N]
        bins_NX = self.bins_BX[system_N]
        place_NX = ((fraction_NX - whole_NX) * bins_NX).clamp(min=0).minimum(bins_NX - 1.0).long()
        bin_N = (place_NX[:, 0] * bins_NX[:, 1] + place_NX[:, 1]) * bins_NX[:, 2] + place_NX[:, 2]
        wrapped_NX = positions - (whole_NX[:, None] @ self.cell_BXX[system_N])[:, 0]
        return wrapped_NX, bin_N + self.first_bin_B[system_N]

    def _bins(self, bin_N: Int[Tensor, " atoms"]) -> tuple[Int[Tensor, "bins capacity"], Int[Tensor, ""]]:
        """Indices of the atoms in each bin, padded with the number of atoms, and the size of the fullest bin."""
        atoms, bins = len(bin_N), len(self.around_GI)
        ordered, order = torch.sort(bin_N, stable=True)
        count_G = torch.zeros(bins, dtype=torch.long, device=bin_N.device).index_add(0, bin_N, torch.ones_like(bin_N))
        rank = torch.arange(atoms, device=bin_N.device) - (count_G.cumsum(0) - count_G)[ordered]
        table = torch.full((bins + 1, self.bin_capacity + 1), atoms, dtype=torch.long, device=bin_N.device)
        table[ordered, rank.clamp(max=self.bin_capacity)] = order  # the last column collects the overflow
        return table[:, : self.bin_capacity], count_G.amax()

    def _near(
        self,
        wrapped_NX: Float[Tensor, "all 3"],
        bin_N: Int[Tensor, " all"],
        table_GR: Int[Tensor, "bins capacity"],
        start: int,
        end: int,
    ) -> tuple[Int[Tensor, "atoms neighbors"], Float[Tensor, "atoms neighbors 3"], Int[Tensor, " atoms"]]:
        """Neighbour indices, vectors and numbers of neighbours of the atoms `start` to `end` − 1."""
        own_N = torch.arange(start, end, device=wrapped_NX.device)
        bins = bin_N[start:end]
        candidate_NIR = table_GR[self.around_GI[bins]]
        infinity = wrapped_NX.new_full((1, 3), math.inf)  # position of the padding of bins
        padded_NX = torch.cat([wrapped_NX, infinity])
        offset_NIX = self.shift_GIX[bins] - wrapped_NX[start:end, None]
        square_NIR = torch.zeros_like(candidate_NIR, dtype=wrapped_NX.dtype)
        for x in range(3):
            square_NIR += (padded_NX[:, x][candidate_NIR] + offset_NIX[:, :, None, x]).square()
        itself = (candidate_NIR[:, 0] == own_N[:, None]).unsqueeze(1)
        near_NIR = square_NIR < self.cutoff**2
        near_NIR = torch.cat([near_NIR[:, :1] & ~itself, near_NIR[:, 1:]], dim=1)
        number_NC = near_NIR.flatten(1).cumsum(1, dtype=torch.int32)
        wanted = torch.arange(1, self.max_neighbors + 1, dtype=torch.int32, device=own_N.device).repeat(end - start, 1)
        place_NS = torch.searchsorted(number_NC, wanted)  # of the first, second, … neighbour
        used_NS = place_NS < number_NC.shape[1]
        place_NS = place_NS.clamp(max=number_NC.shape[1] - 1)
        index_NS = torch.where(used_NS, candidate_NIR.flatten(1).gather(1, place_NS), own_N[:, None])
        image_NS = (place_NS // self.bin_capacity)[..., None].expand(-1, -1, 3)
        vector_NSX = wrapped_NX[index_NS] + offset_NIX.gather(1, image_NS)
        long_X = self.cutoff * torch.eye(3, dtype=vector_NSX.dtype, device=own_N.device)[0]
        return index_NS, torch.where(used_NS[..., None], vector_NSX, long_X), number_NC[:, -1].long()


def device_search(state: State, cutoff: float) -> DeviceSearch:
    """Build a search for systems like `state` with exactly the capacity that `state` needs."""
    cells: list[NDArray] = []
    around: list[NDArray] = []
    shifts: list[NDArray] = []
    bins: list[NDArray] = []
    for cell, pbc in zip(state.cell.cpu().double().numpy(), state.pbc.cpu().numpy(), strict=True):
        complete = _invertible(cell, pbc)
        counts = _bin_counts(complete, pbc, cutoff)
        table, shift = _bins_around(complete, pbc, counts, cutoff)
        around.append(table + sum(len(t) for t in around))
        cells.append(complete)
        shifts.append(shift)
        bins.append(counts)
    first = np.cumsum([0, *(len(t) for t in around)])
    widest = max(t.shape[1] for t in around)
    around = [np.pad(t, ((0, 0), (0, widest - t.shape[1])), constant_values=first[-1]) for t in around]
    shifts = [np.pad(s, ((0, 0), (0, widest - s.shape[1]), (0, 0))) for s in shifts]
    device = state.positions.device
    search = DeviceSearch(
        cutoff=cutoff,
        max_neighbors=1,
        bin_capacity=1,
        system_N=state.system_idx,
        cell_BXX=torch.as_tensor(np.stack(cells), device=device),
        inverse_BXX=torch.as_tensor(np.linalg.inv(np.stack(cells)), device=device),
        periodic_BX=state.pbc,
        bins_BX=torch.as_tensor(np.stack(bins), device=device),
        first_bin_B=torch.as_tensor(first[:-1], device=device),
        around_GI=torch.as_tensor(np.concatenate(around), device=device),
        shift_GIX=torch.as_tensor(np.concatenate(shifts), device=device),
    )
    _, bin_capacity = search(state.positions).required_capacity.tolist()
    search = replace(search, bin_capacity=max(1, bin_capacity))
    max_neighbors, _ = search(state.positions).required_capacity.tolist()  # known once all atoms are in their bins
    return replace(search, max_neighbors=max(1, max_neighbors))


def _invertible(cell: NDArray, pbc: NDArray) -> NDArray:
    """Replace lattice vectors of non-periodic directions by unit vectors orthogonal to the periodic ones."""
    result = np.where(pbc[:, None], cell, 0.0)
    _, _, across = np.linalg.svd(result)
    result[~pbc] = across[3 - (~pbc).sum() :]
    return result


def _bin_counts(cell: NDArray, pbc: NDArray, cutoff: float) -> NDArray:
    """Number of bins along each direction: as many as possible that are no thinner than the cutoff, at least one."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    return np.where(pbc, np.maximum(1, np.floor(heights / cutoff)), 1).astype(np.int64)


def _bins_around(cell: NDArray, pbc: NDArray, counts: NDArray, cutoff: float) -> tuple[NDArray, NDArray]:
    """For each bin, the bins within the cutoff (itself first) and the shifts (Å) of their periodic images."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = np.where(pbc, np.ceil(cutoff * counts / heights), 0).astype(np.int64)
    steps = np.array(sorted(itertools.product(*(range(-r, r + 1) for r in reach)), key=lambda s: np.abs(s).sum()))
    places = np.array(list(itertools.product(*(range(n) for n in counts))))
    image, place = np.divmod(places[:, None] + steps, counts)
    index = (place[..., 0] * counts[1] + place[..., 1]) * counts[2] + place[..., 2]
    return index, image @ cell


def _with_margin(required_capacity: int) -> int:
    """Add a sixteenth and round up to a multiple of eight."""
    return 8 * math.ceil(required_capacity * 1.0625 / 8)
