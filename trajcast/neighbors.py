"""Neighbours within a cutoff, sorted by atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from trajcast.state import State

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors:
    """Every neighbour of every atom, periodic images included: those of atom i are edges first[i] to first[i + 1].

    Some edges may be room that is not used: any index, and vectors as long as the cutoff, where every radial function is
    zero. Such room may also follow the edges of the last atom.
    """

    first: Int[Tensor, " atoms+1"]
    index: Int[Tensor, " edges"]  # the neighbour
    vectors: Float[Tensor, "edges 3"]  # Å, from the atom to its neighbour
    cutoff: float  # Å
    slots: int  # at least as many as any atom has edges

    @property
    def atoms(self) -> Int[Tensor, " edges"]:
        """The atom that each edge belongs to; the last atom for room after its own."""
        numbers = torch.arange(len(self.index), device=self.first.device)
        return torch.searchsorted(self.first[1:-1].contiguous(), numbers, right=True)


def find_neighbors(state: State, cutoff: float) -> Neighbors:
    """All pairs closer than `cutoff` (Å) within each system; positions may lie outside the cell.

    Vectors are computed in float64 and given in the dtype of the positions.
    """
    from vesin import NeighborList

    positions = state.positions.detach().cpu().double().numpy()
    cells = state.cell.cpu().double().numpy()
    ends = torch.bincount(state.system, minlength=state.n_systems).cumsum(0).tolist()
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=torch.get_num_threads())
    receivers, senders, vectors = [], [], []
    for system, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        i, j, vector = search.compute(
            points=positions[start:end],
            box=cells[system],
            periodic=state.periodic[system].tolist(),
            quantities="ijD",
        )
        receivers.append(i.astype(np.int64) + start)
        senders.append(j.astype(np.int64) + start)
        vectors.append(vector)
    counts = np.bincount(np.concatenate(receivers), minlength=state.n_atoms)
    device = state.positions.device
    return Neighbors(
        first=torch.as_tensor(np.concatenate([[0], np.cumsum(counts)]), device=device),
        index=torch.as_tensor(np.concatenate(senders), device=device),
        vectors=torch.as_tensor(np.concatenate(vectors), dtype=state.positions.dtype, device=device),
        cutoff=cutoff,
        slots=int(counts.max(initial=0)),
    )
