"""Neighbours within a cutoff as a dense table, one row per atom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from vesin import NeighborList

from trajcast.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors:
    """Every neighbour of every atom, periodic images included; rows are filled up with empty slots.

    An empty slot points at its own atom with a vector as long as the cutoff, where every radial function is zero.
    """

    index: Int[Tensor, "atoms slots"]
    vectors: Float[Tensor, "atoms slots 3"]  # Å, from the atom to its neighbour
    cutoff: float  # Å


def find_neighbors(state: State, cutoff: float) -> Neighbors:
    """All pairs closer than `cutoff` (Å) within each system; positions may lie outside the cell.

    Vectors are computed in float64 and given in the dtype of the positions.
    """
    receivers, senders, vectors = [], [], []
    positions = state.positions.detach().cpu().double().numpy()
    cells = state.cell.cpu().double().numpy()
    ends = torch.bincount(state.system, minlength=state.n_systems).cumsum(0).tolist()
    search = NeighborList(cutoff=cutoff, full_list=True)
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
    receiver, sender, vector = np.concatenate(receivers), np.concatenate(senders), np.concatenate(vectors)
    counts = np.bincount(receiver, minlength=state.n_atoms)
    order = np.argsort(receiver, kind="stable")
    receiver = receiver[order]
    slot = np.arange(len(receiver)) - (np.cumsum(counts) - counts)[receiver]
    slots = max(1, int(counts.max(initial=0)))
    index = np.repeat(np.arange(state.n_atoms)[:, None], slots, axis=1)
    table = np.zeros((state.n_atoms, slots, 3))
    table[:, :, 0] = cutoff
    index[receiver, slot] = sender[order]
    table[receiver, slot] = vector[order]
    return Neighbors(
        index=torch.as_tensor(index, device=state.positions.device),
        vectors=torch.as_tensor(table, dtype=state.positions.dtype, device=state.positions.device),
        cutoff=cutoff,
    )
