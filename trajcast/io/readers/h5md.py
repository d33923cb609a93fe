"""Reader for TrajCast's H5MD files."""

from __future__ import annotations

from pathlib import Path

from trajcast.io.frames import Frames, Reading, agreed_interval, constant_cell
from trajcast.io.trajectory import Trajectory


def read(path: Path, reading: Reading) -> Frames:
    """Read all frames, with total energies if recorded."""
    with Trajectory(path) as trajectory:
        constant_cell(path, trajectory.cells[()], trajectory.spec.pbc)
        return Frames(
            path=path,
            spec=trajectory.spec,
            interval_fs=agreed_interval(path, trajectory.interval_fs, reading.interval_fs),
            positions=trajectory.positions[()],
            velocities=trajectory.velocities[()],
            energies=trajectory.energy("total"),
        )
