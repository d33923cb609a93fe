"""TrajCast's own H5MD files."""

from __future__ import annotations

from pathlib import Path

from trajcast.data.frames import Frames, Reading, agreed_interval, constant_cell
from trajcast.errors import UserError
from trajcast.trajectory import Trajectory


def read(path: Path, reading: Reading) -> Frames:
    """All frames, with total energies where they were recorded."""
    with Trajectory(path) as trajectory:
        try:
            positions, velocities, cells = trajectory.positions[()], trajectory.velocities[()], trajectory.cells[()]
            energies = trajectory.energy("total")
        except OSError as error:
            raise UserError(f"{path}: frames cannot be read (truncated or damaged?): {error}") from None
        constant_cell(path, cells, trajectory.topology.periodic)
        return Frames(
            path=path,
            topology=trajectory.topology,
            interval_fs=agreed_interval(path, trajectory.interval_fs, reading.interval_fs),
            positions=positions,
            velocities=velocities,
            energies=energies,
        )
