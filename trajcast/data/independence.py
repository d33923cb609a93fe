"""Splits are independent only if no frame lies in two of them, or a step from one; found by content, in any format."""

from __future__ import annotations

import logging
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from trajcast.core.errors import UserError
from trajcast.io.frames import Frames

PROJECTIONS = 6
DIRECTIONS = 64  # enough for angles between velocities of all atoms, to 0.12
NEAR = 0.85  # cosine: 0.92 and more 1 fs apart in water, 0.7 at most among 10⁵ independent frames of twelve atoms
FEWEST_ATOMS = 12
LOOKED_AT = 200  # frames of each file that are looked for in other splits
INTERLEAVED, WARNED = 0.6, 0.1  # shares of them that are so near
TOLERANCE = 1e-4  # of the RMS: more than five written digits lose, far less than lies between any two frames

Marks = list[tuple[Path, NDArray[np.floating]]]

log = logging.getLogger(__name__)


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


def frame_directions(frames: Frames) -> NDArray[np.float32]:
    """(frames, 64) unit vectors whose angles are about those between the velocities of all atoms."""
    values = np.asarray(frames.velocities, dtype=np.float32).reshape(len(frames), -1)
    weights = np.random.default_rng(1).standard_normal((values.shape[1], DIRECTIONS), dtype=np.float32)
    projected = values @ weights
    return projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def check_apart(splits: dict[str, Marks], atoms: int) -> None:
    """UserError when frames of one split lie between those of another's files, given each file's `frame_directions`.

    Less than that is warned of: the ends of one run that was cut in parts, runs of a crystal that start too soon after
    each other.
    """
    if atoms < FEWEST_ATOMS:
        return
    for (name, own), (other_name, others) in combinations(splits.items(), 2):
        for (path, marks), (other_path, other_marks) in product(own, others):
            some = other_marks[np.linspace(0, len(other_marks) - 1, min(LOOKED_AT, len(other_marks))).astype(int)]
            near = float(((some @ marks.T).max(axis=1) > NEAR).mean())
            found = (
                f"{100 * near:.0f} % of the frames of {other_path} ({other_name}) are about a step from frames of "
                f"{path} ({name})"
            )
            if near > INTERLEAVED:
                raise UserError(
                    f"{found}: one run in two splits makes errors too small; give each split runs of its own"
                )
            if near > WARNED:
                log.warning("%s: errors of %s may be too small; let runs start further apart", found, other_name)
