"""Independence of splits: no frame of one may occur, or nearly occur, in another; judged by content, in any format."""

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
DIRECTIONS = 64  # give the cosine between the velocities of all atoms to about 0.12
# Cosines are at least 0.92 for frames of water 1 fs apart, at most 0.7 for 10⁵ independent frames of twelve atoms.
NEAR = 0.85
FEWEST_ATOMS = 12
COMPARED = 200  # frames of each file that are compared with other splits, at most
INTERLEAVED, WARNED = 0.6, 0.1  # fractions of near frames that are refused, and warned of
TOLERANCE = 1e-4  # relative to the RMS: above the rounding of five digits, far below the difference of two frames

Marks = list[tuple[Path, NDArray[np.floating]]]

log = logging.getLogger(__name__)


def frame_marks(frames: Frames) -> NDArray[np.float64]:
    """Six numbers that identify each frame, (frames, 6): random projections of all velocities, Å/fs.

    Velocities do not depend on the format or on wrapping, and the projections are the same for every file.
    """
    values = np.asarray(frames.velocities).reshape(len(frames), -1)
    weights = np.random.default_rng(0).standard_normal((values.shape[1], PROJECTIONS))
    return values @ (weights / np.sqrt(values.shape[1]))


def check_independent(splits: dict[str, Marks]) -> None:
    """Raise a UserError if a frame occurs in the files of two splits, given the `frame_marks` of each file."""
    for (name, files), (other_name, other_files) in combinations(splits.items(), 2):
        for (path, marks), (other_path, other_marks) in product(files, other_files):
            near = TOLERANCE * float(np.sqrt(np.mean(marks**2)))
            distances, _ = cKDTree(other_marks).query(marks, distance_upper_bound=near)
            moving = np.linalg.norm(marks, axis=1) > near  # all frames at rest look alike
            shared = np.flatnonzero(np.isfinite(distances) & moving)
            if len(shared):
                raise UserError(
                    f"{len(shared)} frame(s) of {path} ({name}), the first being {shared[0]}, also occur in "
                    f"{other_path} ({other_name}); give each split its own trajectories"
                )


def frame_directions(frames: Frames) -> NDArray[np.float32]:
    """Unit vectors, (frames, 64), whose angles approximate those between the velocities of all atoms."""
    values = np.asarray(frames.velocities, dtype=np.float32).reshape(len(frames), -1)
    weights = np.random.default_rng(1).standard_normal((values.shape[1], DIRECTIONS), dtype=np.float32)
    projected = values @ weights
    return projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def check_apart(splits: dict[str, Marks], atoms: int) -> None:
    """Raise a UserError if frames of two splits are interleaved, given the `frame_directions` of each file.

    A smaller overlap gives a warning: a single run that was cut into splits, or runs of a crystal that start too soon
    after each other.
    """
    if atoms < FEWEST_ATOMS:
        return
    for (name, files), (other_name, other_files) in combinations(splits.items(), 2):
        for (path, marks), (other_path, other_marks) in product(files, other_files):
            sample = other_marks[np.linspace(0, len(other_marks) - 1, min(COMPARED, len(other_marks))).astype(int)]
            near = float(((sample @ marks.T).max(axis=1) > NEAR).mean())
            message = (
                f"{100 * near:.0f} % of the frames of {other_path} ({other_name}) are about a step from frames of "
                f"{path} ({name})"
            )
            if near > INTERLEAVED:
                raise UserError(
                    f"{message}: one run in two splits makes errors appear too small; give each split its own runs"
                )
            if near > WARNED:
                log.warning("%s: %s errors may appear too small; start runs further apart", message, other_name)
