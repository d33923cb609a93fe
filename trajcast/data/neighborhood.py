"""How many neighbours an atom has within a network's cutoff."""

from __future__ import annotations

import numpy as np
from vesin import NeighborList

from trajcast.core.errors import UserError
from trajcast.data.dataset import Pairs
from trajcast.io.progress import progress

FEWEST = 1.0  # neighbours of an atom on average; a network of lone atoms learns nothing


def average_neighbors(pairs: Pairs, cutoff: float) -> float:
    """Mean number of atoms, periodic images counted, within `cutoff` (Å) of an atom."""
    spec, search, edges = pairs.spec, NeighborList(cutoff=cutoff, full_list=True), 0
    with progress("neighbours", len(pairs), unit="frames") as advance:
        for positions in pairs.positions:
            (i,) = search.compute(points=positions.astype(np.float64), box=spec.cell, periodic=spec.pbc, quantities="i")
            edges += len(i)
            advance(1)
    return edges / (len(pairs) * spec.n_atoms)


def check_neighbors(average: float, cutoff: float, where: str) -> None:
    """UserError, begun with `where`, for a cutoff within which atoms have too few neighbours."""
    if average < FEWEST:
        raise UserError(
            f"{where} {cutoff:g}: an atom has {average:.2g} neighbours within it on average, at least {FEWEST:g} is "
            "needed; raise the cutoff, and see whether positions are in Å, not in pm"
        )
