"""Neighbour search for a single state: vesin if installed, else PyTorch."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch

from trajcast.core.neighbors.cell_list import device_search
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State


def find_neighbors(state: State, cutoff: float) -> Neighbors:
    """Find all pairs within `cutoff` (Å) in each system, without padding; positions may lie outside the cell.

    Vectors are computed in float64 and returned in the dtype of the positions.
    """
    return _with_vesin(state, cutoff) if find_spec("vesin") else _with_torch(state, cutoff)


def _with_vesin(state: State, cutoff: float) -> Neighbors:
    # No skin: the list, and with it the order of sums, would depend on when it was last rebuilt, and a rollout
    # resumed after a kill would differ from an uninterrupted one.
    from vesin import NeighborList

    positions = state.positions.detach().cpu().double().numpy()
    cells = state.cell.cpu().double().numpy()
    ends = torch.bincount(state.system_idx, minlength=state.n_systems).cumsum(0).tolist()
    search = NeighborList(cutoff=cutoff, full_list=False, n_threads=torch.get_num_threads())
    atoms, vectors = [], []
    for system, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        pairs, vector = search.compute(
            points=positions[start:end],
            box=cells[system],
            periodic=state.pbc[system].tolist(),
            quantities="PD",
            copy=False,  # views of buffers that the next search overwrites
        )
        atoms.append(pairs.view(np.int64) + start)
        vectors.append(torch.tensor(vector, dtype=state.positions.dtype))
    both = np.concatenate(atoms)
    left, right = np.concatenate([both, both[:, ::-1]]).T
    order = np.argsort(
        left.astype(np.uint16) if state.n_atoms <= 2**16 else left, kind="stable"
    )  # radix sort on 16 bits
    first = np.cumsum([0, *np.bincount(left, minlength=state.n_atoms)])
    vector, edge_order = torch.cat(vectors), torch.as_tensor(order)
    device = state.positions.device
    return Neighbors(
        first=torch.as_tensor(first, device=device),
        index=torch.as_tensor(right[order], device=device),
        vectors=torch.cat([vector, -vector]).index_select(0, edge_order).to(device),
        cutoff=cutoff,
        pair=torch.remainder(edge_order, len(both)).to(device) if len(both) else edge_order.to(device),
        pairs=len(both),
    )


def _with_torch(state: State, cutoff: float) -> Neighbors:
    """The cell-list search in PyTorch, for installations without vesin."""
    search = device_search(state, cutoff)
    result = search(state.positions)
    counts, padded = result.count_N, result.neighbors
    used = torch.arange(search.max_neighbors, device=counts.device) < counts[:, None]
    return Neighbors(
        first=torch.nn.functional.pad(counts.cumsum(0), (1, 0)),
        index=padded.index[used.flatten()],
        vectors=padded.vectors[used.flatten()],
        cutoff=cutoff,
    )
