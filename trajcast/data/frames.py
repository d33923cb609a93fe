"""The frames of one trajectory in memory, whatever file they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajcast.errors import UserError
from trajcast.trajectory import GROUP, Topology, Trajectory


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Evenly spaced frames of one system at constant cell."""

    path: Path
    topology: Topology
    interval_fs: float
    positions: NDArray[np.floating]  # (frames, atoms, 3) Å, unwrapped
    velocities: NDArray[np.floating]  # (frames, atoms, 3) Å/fs

    def __len__(self) -> int:
        return len(self.positions)


def h5md_frames(path: Path) -> Frames:
    """All frames of an H5MD file written by TrajCast; UserError when it is damaged or its cell changes."""
    with Trajectory(path) as trajectory:
        interval_fs = trajectory.interval_fs
        try:
            positions, velocities = trajectory.positions[()], trajectory.velocities[()]
            cells = trajectory.positions.file[GROUP]["box/edges/value"][()]
        except OSError as error:
            raise UserError(f"{path}: frames cannot be read (truncated or damaged?): {error}") from None
        check_constant_cell(path, cells)
        return Frames(
            path=path,
            topology=trajectory.topology,
            interval_fs=interval_fs,
            positions=positions,
            velocities=velocities,
        )


def check_constant_cell(path: Path, cells: NDArray[np.floating]) -> None:
    """UserError where the cells (frames, 3, 3) are not all the same."""
    differ = np.flatnonzero(~np.isclose(cells, cells[0], rtol=1e-6, atol=1e-6).all(axis=(1, 2)))
    if len(differ):
        raise UserError(
            f"{path}: the cell of frame {differ[0]} differs from that of frame 0; a data set is cut from runs at "
            "constant cell (NVE): run at constant volume"
        )


def check_finite(frames: Frames) -> None:
    """UserError where a position or velocity is NaN or infinite."""
    for name, values in (("position", frames.positions), ("velocity", frames.velocities)):
        broken = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
        if len(broken):
            raise UserError(f"{frames.path}: frame {broken[0]} has a {name} that is not finite; mend or cut the file")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
