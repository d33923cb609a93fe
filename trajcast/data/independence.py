"""Splits are independent only if no frame lies in two of them; found by content, whatever the file or format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trajcast.data.frames import Frames
from trajcast.errors import UserError

PROJECTIONS = 6
TOLERANCE = 1e-4  # of the RMS velocity: above what five written digits lose, far below what any two frames share


def frame_marks(frames: Frames) -> NDArray[np.float64]:
    """(frames, 6) numbers that tell frames apart: random projections of all velocities, in units of their RMS.

    Velocities are the same in every format, wrapped or not; the projections are the same for every file.
    """
    values = np.asarray(frames.velocities).reshape(len(frames), -1)
    rms = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
    if rms == 0:
        raise UserError(f"{frames.path}: all velocities are zero; a data set needs frames of a running simulation")
    weights = np.random.default_rng(0).standard_normal((values.shape[1], PROJECTIONS)) / np.sqrt(values.shape[1])
    return values @ (weights / rms)


def check_independent(splits: dict[str, list[tuple[Path, NDArray[np.float64]]]]) -> None:
    """UserError when a frame of one split's files lies in another split's, given each file's `frame_marks`."""
    names = list(splits)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            for path, marks in splits[first]:
                for other_path, other_marks in splits[second]:
                    distances, _ = cKDTree(other_marks).query(marks, distance_upper_bound=TOLERANCE)
                    shared = np.flatnonzero(np.isfinite(distances))
                    if len(shared):
                        raise UserError(
                            f"{len(shared)} frame(s) of {path} ({first}), the first being {shared[0]}, lie also in "
                            f"{other_path} ({second}); give each split trajectories of its own"
                        )
