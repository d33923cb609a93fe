"""The beginning of a reference trajectory, for comparison with a rollout from its first state."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trajcast.core.errors import UserError
from trajcast.io.hdf5 import atomic_hdf5
from trajcast.io.trajectory import Trajectory, append_frames, write_trajectory_header


def write_beginning(trajectory: Trajectory, duration_fs: float, path: Path) -> None:
    """Write the frames of the first `duration_fs`, with time 0 at the first frame.

    Raises:
        UserError: The trajectory is shorter than `duration_fs`.
    """
    times = trajectory.times[()] - trajectory.times[0] if len(trajectory) else np.zeros(0)
    count = int((times <= duration_fs + 1e-6).sum())
    if not count or times[-1] < duration_fs - 1e-6:
        length = times[-1] if count else 0.0
        raise UserError(f"{trajectory.path}: {length:g} fs long, but {duration_fs:g} fs are required; lengthen the run")
    with atomic_hdf5(path) as file:
        write_trajectory_header(file, trajectory.spec, trajectory.provenance)
        append_frames(
            file,
            steps=trajectory.steps[:count] - trajectory.steps[0],
            times=times[:count],
            positions=trajectory.positions[:count],
            velocities=trajectory.velocities[:count],
            cells=np.stack([trajectory.spec.cell] * count),
            energies={},
        )
