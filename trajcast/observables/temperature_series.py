"""Kinetic temperatures along a trajectory: the one function for reference MD, rollouts, tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajcast.core.mechanics import center_of_mass, inertia, isolated
from trajcast.core.state import State, join, system_sum
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import BOLTZMANN, KINETIC
from trajcast.io.trajectory import Trajectory
from trajcast.observables.selection import atoms_of

if TYPE_CHECKING:
    from jaxtyping import Float

ALL_ATOMS = "all atoms"
FRAMES_AT_ONCE = 1000  # bounds the memory of the inertia tensors


def temperature_series(trajectory: Trajectory, stride: int = 1) -> dict[str, NDArray[np.float64]]:
    """Kinetic temperature (K) of every `stride`-th frame, of all atoms and of each element; read in chunks."""
    names = [ALL_ATOMS, *atoms_of(trajectory.spec)]
    parts: dict[str, list[NDArray[np.float64]]] = {name: [np.empty(0)] for name in names}
    for start in range(0, len(trajectory), FRAMES_AT_ONCE * stride):
        frames = slice(start, start + FRAMES_AT_ONCE * stride, stride)
        series = kinetic_temperatures(trajectory.spec, trajectory.positions[frames], trajectory.velocities[frames])
        for name, values in series.items():
            parts[name].append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def kinetic_temperatures(
    spec: SystemSpec, positions: NDArray[np.float32], velocities: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """Kinetic temperatures (K) of all atoms and of each element, from arrays (frames, atoms, 3)."""
    masses = spec.masses
    groups = {ALL_ATOMS: np.arange(len(masses)), **atoms_of(spec)}
    if spec.pbc.any() or len(positions) == 0:
        dof = 3 * (1 - masses / masses.sum())[None]  # as from `atom_degrees_of_freedom`, the same in every frame
    else:
        dof = _dof_by_frame(spec, positions)
    series = {}
    for name, atoms in groups.items():
        v = velocities[:, atoms]
        kinetic = 0.5 * KINETIC * np.einsum("n,fnx,fnx->f", masses[atoms], v, v)
        series[name] = 2 * kinetic / (BOLTZMANN * dof[:, atoms].sum(axis=1))
    return series


def atom_degrees_of_freedom(state: State) -> Float[Tensor, " atoms"]:
    """Kinetic degrees of freedom of each atom: 3 minus its share of each conserved total.

    The shares are 3 m/M for P and, in an isolated system, m tr(I⁻¹ (r² − r rᵀ)) for L, with r relative to the centre
    of mass. The sum over a system equals `mechanics.degrees_of_freedom`.
    """
    share_N = 3 * state.masses / system_sum(state.masses, state)[state.system_idx]
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    inverse_NXY = torch.linalg.pinv(inertia(state), hermitian=True, rtol=1e-6)[state.system_idx]
    trace_N = torch.einsum("nxx->n", inverse_NXY)
    along_N = torch.einsum("nx,nxy,ny->n", r_NX, inverse_NXY, r_NX)
    rotation_N = state.masses * ((r_NX**2).sum(1) * trace_N - along_N)
    return 3 - share_N - torch.where(isolated(state)[state.system_idx], rotation_N, torch.zeros_like(rotation_N))


def _dof_by_frame(spec: SystemSpec, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Degrees of freedom of each atom, (frames, atoms), which depend on the shape of an isolated system."""
    parts = []
    for start in range(0, len(positions), FRAMES_AT_ONCE):
        frames = positions[start : start + FRAMES_AT_ONCE]
        states = join([spec.state(frame, 0 * frame) for frame in frames])
        parts.append(atom_degrees_of_freedom(states).numpy().reshape(len(frames), -1))
    return np.concatenate(parts)
