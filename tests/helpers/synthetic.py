"""Trajectory files whose observables are known in closed form."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import (
    EquilibrationSettings,
    NveSettings,
    NvtSettings,
    ObservableSettings,
    ReferenceSettings,
)
from trajcast.core.system_spec import SystemSpec
from trajcast.io.recorder import Recorder
from trajcast.observables import Context
from trajcast.observables.result import Curve, Result, Scalar

MASSES = {1: 1.008, 6: 12.011, 8: 15.999}


def spec(numbers: list[int], cell: NDArray | float | None) -> SystemSpec:
    """Atoms in a box (cell rows or the edge of a cube, Å) that is periodic in all directions, or in vacuum (None)."""
    matrix = np.eye(3) * (0.0 if cell is None else cell) if np.ndim(cell) == 0 else np.array(cell, dtype=float)
    return SystemSpec(
        numbers=np.array(numbers),
        masses=np.array([MASSES[z] for z in numbers]),
        cell=matrix,
        pbc=np.array([cell is not None] * 3),
    )


def write(
    path: Path, top: SystemSpec, positions: NDArray, velocities: NDArray | None, spacing_fs: float, **provenance: Any
) -> Path:
    """Write frames `spacing_fs` apart to an H5MD file; without velocities all are zero."""
    recorder = Recorder(path, top, identity={}, provenance=provenance)
    for i, frame in enumerate(positions):
        recorder.add(i, i * spacing_fs, frame, 0 * frame if velocities is None else velocities[i])
    recorder.commit({})
    recorder.finish()
    return path


def context(parameters: dict[str, Any] | None = None, **settings: Any) -> Context:
    """Settings of the observables, with blocks for short trajectories, and a reference of small liquid water."""
    return Context(
        settings=ObservableSettings(**{"msd_fit_from_ps": 1.0, "msd_fit_to_ps": 10.0, "blocks": 4} | settings),
        reference=ReferenceSettings(
            system="liquid",
            engine="lammps",
            parameters=parameters or {},
            temperature_K=300.0,
            timestep_fs=0.5,
            seed=1,
            equilibration=EquilibrationSettings(duration_ps=1.0, damping_fs=100.0),
            nve=NveSettings(runs=5, duration_ps=1.0, interval_fs=1.0, start_window_K=20.0, start_spacing_ps=0.1),
            nvt=NvtSettings(duration_ps=1.0, interval_fs=1.0, tau_fs=50.0),
        ),
    )


def curve(result: Result, name: str) -> Curve:
    """The curve of that name."""
    return next(c for c in result.curves if c.name == name)


def scalar(result: Result, name: str) -> Scalar:
    """The one scalar whose name begins with `name`."""
    (found,) = [s for s in result.scalars if s.name.startswith(name)]
    return found


def ornstein_uhlenbeck(
    rng: np.random.Generator, frames: int, atoms: int, spacing: float, friction: float, speed: float
) -> tuple[NDArray, NDArray]:
    """Positions and velocities of free particles with ⟨v(0)v(t)⟩ = speed² exp(−friction t) per direction, so that
    D = speed² / friction; exact at any spacing."""
    decay = np.exp(-friction * spacing)
    var_v = speed**2 * (1 - decay**2)
    var_x = (speed / friction) ** 2 * (2 * friction * spacing - 3 + 4 * decay - decay**2)
    cov = speed**2 / friction * (1 - decay) ** 2
    kicks = np.linalg.cholesky(np.array([[var_v, cov], [cov, var_x]]))
    v = rng.normal(scale=speed, size=(atoms, 3))
    x = np.zeros((atoms, 3))
    positions, velocities = np.empty((frames, atoms, 3)), np.empty((frames, atoms, 3))
    for frame in range(frames):
        positions[frame], velocities[frame] = x, v
        noise_v, noise_x = np.einsum("ab,bnx->anx", kicks, rng.normal(size=(2, atoms, 3)))
        x = x + v * (1 - decay) / friction + noise_x
        v = decay * v + noise_v
    return positions, velocities
