"""Splits are independent only if no frame lies in two of them; found by content, whatever the file or format."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trajcast.data.frames import Frames
from trajcast.errors import UserError

PROJECTIONS = 6
TOLERANCE = 1e-4  # of the RMS: more than five written digits lose, far less than lies between any two frames

Marks = list[tuple[Path, NDArray[np.float64]]]


def frame_marks(frames: Frames) -> NDArray[np.float64]:
    """(frames, 6) numbers that tell frames apart: random projections of all velocities, Å/fs.

    Velocities are the same in every format, wrapped or not; the projections are the same for every file.
    """
    values = np.asarray(frames.velocities).reshape(len(frames), -1)
    weights = np.random.default_rng(0).standard_normal((values.shape[1], PROJECTIONS))
    return values @ (weights / np.sqrt(values.shape[1]))


def check_independent(splits: dict[str, Marks]) -> None:
    """UserError when a frame of one split's files lies in another split's, given each file's `frame_marks`."""
    for (name, own), (other_name, others) in combinations(splits.items(), 2):
        for (path, marks), (other_path, other_marks) in product(own, others):
            near = TOLERANCE * float(np.sqrt(np.mean(marks**2)))
            distances, _ = cKDTree(other_marks).query(marks, distance_upper_bound=near)
            moving = np.linalg.norm(marks, axis=1) > near  # atoms at rest look alike wherever they are
            shared = np.flatnonzero(np.isfinite(distances) & moving)
            if len(shared):
                raise UserError(
                    f"{len(shared)} frame(s) of {path} ({name}), the first being {shared[0]}, lie also in "
                    f"{other_path} ({other_name}); give each split trajectories of its own"
                )
