"""Average number of neighbours within a network's cutoff."""

from __future__ import annotations

import numpy as np

from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.data.dataset import Pairs
from trajcast.io.progress import progress

FEWEST = 1.0  # neighbours per atom on average; isolated atoms leave nothing to learn


def average_neighbors(pairs: Pairs, cutoff: float) -> float:
    """Mean number of neighbours, periodic images included, within `cutoff` (Å) of an atom."""
    edges = 0
    with progress("neighbours", len(pairs), unit="frames") as advance:
        for frame in range(len(pairs)):
            state, _, _ = pairs.batch(np.array([frame]))
            edges += len(find_neighbors(state, cutoff).index)
            advance(1)
    return edges / (len(pairs) * pairs.spec.n_atoms)


def check_neighbors(average: float, cutoff: float, where: str) -> None:
    """Raise a UserError that begins with `where` if atoms have too few neighbours within the cutoff (Å)."""
    if average < FEWEST:
        raise UserError(
            f"{where} {cutoff:g}: an atom has {average:.2g} neighbours within it on average, at least {FEWEST:g} is "
            "required; raise the cutoff, and check that positions are in Å, not in pm"
        )
