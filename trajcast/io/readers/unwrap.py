"""Undoing the wrapping of positions into the cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase.geometry import complete_cell
from numpy.typing import NDArray

from trajcast.core.errors import UserError

LARGEST_STEP = 0.25  # of the cell: between that and a half, a step could as well be a longer one the other way round


def unwrap(
    path: Path, positions: NDArray[np.floating], cell: NDArray[np.float64], pbc: NDArray[np.bool_]
) -> NDArray[np.floating]:
    """Positions (frames, atoms, 3) without jumps: every step is taken to the nearest image, periodic axes only.

    Right as long as no atom moves more than half the cell between frames; UserError when one moves more than a
    quarter, where that is no longer sure.
    """
    complete = np.asarray(complete_cell(cell))  # axes without a lattice vector get one, which is never used
    steps = np.diff(positions.astype(np.float64), axis=0) @ np.linalg.inv(complete)
    turns = np.where(pbc, np.round(steps), 0.0)
    left = np.where(pbc, np.abs(steps - turns), 0.0)
    if left.size and left.max() > LARGEST_STEP:
        frame, atom, _ = np.unravel_index(left.argmax(), left.shape)
        raise UserError(
            f"{path}: atom {atom} moves {left.max():.2f} of the cell from frame {frame} to {frame + 1}; positions can "
            f"only be unwrapped where atoms move less than {LARGEST_STEP} of it: save frames more often, or mend "
            "a frame whose atoms are in another order"
        )
    jumps = np.concatenate([np.zeros_like(turns[:1]), np.cumsum(turns, axis=0)])
    return positions - jumps @ complete
