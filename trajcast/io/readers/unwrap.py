"""Unwrapping of positions across periodic boundaries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase.geometry import complete_cell
from numpy.typing import NDArray

from trajcast.core.errors import UserError

LARGEST_STEP = (
    0.25  # in units of the cell; a step of nearly half the cell could be a longer one in the opposite direction
)


def unwrap(
    path: Path, positions: NDArray[np.floating], cell: NDArray[np.float64], pbc: NDArray[np.bool_]
) -> NDArray[np.floating]:
    """Remove jumps across periodic boundaries by taking every step to the nearest image.

    This is correct if no atom moves more than half the cell between frames; as this cannot be checked, steps of up to a
    quarter are accepted.

    Args:
        positions: In Å, of shape (frames, atoms, 3).

    Raises:
        UserError: If an atom moves more than a quarter of the cell between frames.
    """
    complete = np.asarray(complete_cell(cell))  # fills in missing lattice vectors, which are not used
    steps = np.diff(positions.astype(np.float64), axis=0) @ np.linalg.inv(complete)
    crossings = np.where(pbc, np.round(steps), 0.0)
    moved = np.where(pbc, np.abs(steps - crossings), 0.0)
    if moved.size and moved.max() > LARGEST_STEP:
        frame, atom, _ = np.unravel_index(moved.argmax(), moved.shape)
        raise UserError(
            f"{path}: atom {atom} moves {moved.max():.2f} of the cell from frame {frame} to {frame + 1}; positions "
            f"can only be unwrapped if atoms move less than {LARGEST_STEP} of it: save frames more often, or correct "
            "a frame whose atoms are in another order"
        )
    jumps = np.concatenate([np.zeros_like(crossings[:1]), np.cumsum(crossings, axis=0)])
    return positions - jumps @ complete
