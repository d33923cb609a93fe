"""Starts of the NVE and NVT runs: frames of the equilibration, saved as a small trajectory."""

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
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series


def pick_starts(
    times_fs: NDArray, temperatures_K: NDArray, energies_eV: NDArray, settings: ReferenceSettings
) -> list[int]:
    """Frames of the equilibration from which the NVE runs start.

    Candidates are frames of the second half whose temperature is within `start_window_K` of the target, or whose total
    energy is within `start_window_percent` of its mean over that half, and which follow the previous candidate by at
    least `start_spacing_ps`. Starts are spread evenly over the candidates, because runs that start far apart are less
    correlated.

    Raises:
        UserError: If there are fewer candidates than runs.
    """
    nve, second_half = settings.nve, times_fs >= times_fs[-1] / 2
    if nve.start_window_K is not None:
        values, target, width, key, unit = temperatures_K, settings.temperature_K, nve.start_window_K, "K", "K"
    else:
        assert nve.start_window_percent is not None
        values, target, key, unit = energies_eV, float(energies_eV[second_half].mean()), "percent", "eV"
        width = abs(target) * nve.start_window_percent / 100
    candidates: list[int] = []
    for frame in np.flatnonzero(second_half & (np.abs(values - target) <= width)):
        if not candidates or times_fs[frame] - times_fs[candidates[-1]] >= nve.start_spacing_ps * PS - 1e-6:
            candidates.append(int(frame))
    if len(candidates) < nve.runs:
        raise UserError(
            f"equilibration: {len(candidates)} starts within {width:.4g} {unit} of {target:.6g} {unit} and "
            f"{nve.start_spacing_ps:g} ps apart, but nve.runs is {nve.runs}; its second half is at "
            f"{values[second_half].mean():.6g} ± {values[second_half].std():.3g} {unit}. Raise "
            f"equilibration.duration_ps or nve.start_window_{key}"
        )
    return [candidates[i] for i in np.linspace(0, len(candidates) - 1, nve.runs).round().astype(int)]


def write_starts(
    path: Path, equilibration: Trajectory, settings: ReferenceSettings, provenance: Mapping[str, Any]
) -> None:
    """Write the starts of the NVE runs, then the last frame of the equilibration as the start of the NVT run."""
    energies = equilibration.energy("total")
    assert energies is not None  # recorded by every engine
    frames = pick_starts(equilibration.times, temperature_series(equilibration)[ALL_ATOMS], energies, settings)
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
    """The state of one start with zero momentum (stored frames are rounded) and, if isolated, zero angular momentum."""
    return set_angular_momentum(set_momentum(starts.state(index)))
