"""Where the NVE and NVT runs begin: frames of the equilibration, kept as a small trajectory of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import set_angular_momentum, set_momentum
from trajcast.core.state import State
from trajcast.core.units import PS
from trajcast.io.hdf5 import atomic_hdf5
from trajcast.io.trajectory import Trajectory, append_frames, write_trajectory_header
from trajcast.reference.temperatures import temperatures


def pick_starts(
    times_fs: NDArray, temperatures_K: NDArray, energies_eV: NDArray, settings: ReferenceSettings
) -> list[int]:
    """Frames of the equilibration at which the NVE runs start.

    Of its second half, those whose temperature is within `start_window_K` of the target, or whose total energy is
    within `start_window_percent` of its mean there, and that follow the one before by `start_spacing_ps` or more; of
    these, as many as there are runs, spread evenly in order, because runs that start far apart are less alike. Raises
    UserError when there are too few.
    """
    nve, late = settings.nve, times_fs >= times_fs[-1] / 2
    if nve.start_window_K is not None:
        values, target, width, key, unit = temperatures_K, settings.temperature_K, nve.start_window_K, "K", "K"
    else:
        assert nve.start_window_percent is not None
        values, target, key, unit = energies_eV, float(energies_eV[late].mean()), "percent", "eV"
        width = abs(target) * nve.start_window_percent / 100
    found: list[int] = []
    for frame in np.flatnonzero(late & (np.abs(values - target) <= width)):
        if not found or times_fs[frame] - times_fs[found[-1]] >= nve.start_spacing_ps * PS - 1e-6:
            found.append(int(frame))
    if len(found) < nve.runs:
        raise UserError(
            f"equilibration: {len(found)} starts within {width:.4g} {unit} of {target:.6g} {unit} and "
            f"{nve.start_spacing_ps:g} ps apart, nve.runs {nve.runs} needs as many; its second half is at "
            f"{values[late].mean():.6g} ± {values[late].std():.3g} {unit}. Raise equilibration.duration_ps or "
            f"nve.start_window_{key}"
        )
    return [found[i] for i in np.linspace(0, len(found) - 1, nve.runs).round().astype(int)]


def write_starts(
    path: Path, equilibration: Trajectory, settings: ReferenceSettings, provenance: Mapping[str, Any]
) -> None:
    """Write the starts of the NVE runs, then the end of the equilibration, where the NVT run starts."""
    energies = equilibration.energy("total")
    assert energies is not None  # engines record it
    frames = pick_starts(equilibration.times, temperatures(equilibration), energies, settings)
    frames.append(len(equilibration) - 1)
    with atomic_hdf5(path) as file:
        write_trajectory_header(file, equilibration.spec, provenance)
        append_frames(
            file,
            steps=equilibration.steps[frames],
            times=equilibration.times[frames],
            positions=np.stack([equilibration.positions[f] for f in frames]),
            velocities=np.stack([equilibration.velocities[f] for f in frames]),
            cells=np.stack([equilibration.spec.cell] * len(frames)),
            energies={},
        )


def start_state(starts: Trajectory, index: int) -> State:
    """The state of one start, after the rounding of frames without momentum again, and without angular momentum."""
    return set_angular_momentum(set_momentum(starts.state(index)))
