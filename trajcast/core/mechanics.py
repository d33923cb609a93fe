"""Momenta, kinetic energy, temperature, and velocities with prescribed totals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from trajcast.core.state import State, system_sum
from trajcast.core.units import BOLTZMANN, KINETIC

if TYPE_CHECKING:
    from jaxtyping import Float

# Shape suffixes: N atoms, B systems, X xyz.


def momentum(state: State) -> Float[Tensor, "systems 3"]:
    """Total momentum of each system, u Å/fs."""
    return system_sum(state.masses[:, None] * state.velocities, state)


def center_of_mass(state: State) -> Float[Tensor, "systems 3"]:
    """Centre of mass of each system from unwrapped positions, Å."""
    return system_sum(state.masses[:, None] * state.positions, state) / system_sum(state.masses, state)[:, None]


def angular_momentum(state: State) -> Float[Tensor, "systems 3"]:
    """Angular momentum of each system about its centre of mass, u Å²/fs."""
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    return system_sum(state.masses[:, None] * torch.linalg.cross(r_NX, state.velocities), state)


def inertia(state: State) -> Float[Tensor, "systems 3 3"]:
    """Tensor of inertia of each system about its centre of mass, u Å²."""
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    eye = torch.eye(3, dtype=r_NX.dtype, device=r_NX.device)
    r2_N = (r_NX**2).sum(1)
    per_atom = r2_N[:, None, None] * eye - r_NX[:, :, None] * r_NX[:, None, :]
    return system_sum(state.masses[:, None, None] * per_atom, state)


def isolated(state: State) -> Tensor:
    """True for each system without any periodic direction, whose angular momentum is conserved."""
    return ~state.pbc.any(1)


def kinetic_energy(state: State) -> Float[Tensor, " systems"]:
    """Kinetic energy of each system, eV."""
    return system_sum(0.5 * KINETIC * state.masses * (state.velocities**2).sum(1), state)


def degrees_of_freedom(state: State) -> Float[Tensor, " systems"]:
    """Kinetic degrees of freedom of each system: 3N less the conserved totals.

    3N − 3 where any direction is periodic (P conserved), 3N − 6 for an isolated system (P and L conserved),
    3N − 5 for an isolated linear one, which cannot turn about its own axis.
    """
    atoms_B = system_sum(torch.ones_like(state.masses), state)
    extent_B, _, _, _, solid_B = _principal(state)
    turning_B = torch.where(solid_B, 3.0, torch.where(extent_B > 0, 2.0, 0.0)).to(atoms_B)
    return 3 * atoms_B - 3 - torch.where(isolated(state), turning_B, torch.zeros_like(turning_B))


def temperature(state: State) -> Float[Tensor, " systems"]:
    """Kinetic temperature of each system from its degrees of freedom, K."""
    return 2 * kinetic_energy(state) / (degrees_of_freedom(state) * BOLTZMANN)


def set_momentum(state: State, target: Float[Tensor, "systems 3"] | float = 0.0) -> State:
    """The same state with total momentum `target` (u Å/fs), by one common velocity for all atoms of a system."""
    excess_BX = (momentum(state) - target) / system_sum(state.masses, state)[:, None]
    return replace(state, velocities=state.velocities - excess_BX[state.system_idx])


def set_angular_momentum(state: State, target: Float[Tensor, "systems 3"] | float = 0.0) -> State:
    """The same state with each isolated system's angular momentum set to `target` (u Å²/fs) by a rigid rotation.

    Periodic systems are left as they are. Linear momentum does not change.
    """
    wanted_BX = angular_momentum(state) - target
    omega_BX = (_inverse_inertia(state) @ wanted_BX[:, :, None])[:, :, 0]
    omega_BX = torch.where(isolated(state)[:, None], omega_BX, torch.zeros_like(omega_BX))
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    return replace(state, velocities=state.velocities - torch.linalg.cross(omega_BX[state.system_idx], r_NX))


def _inverse_inertia(state: State) -> Float[Tensor, "systems 3 3"]:
    """From angular momentum to angular velocity.

    A linear molecule's tensor a (1 − n nᵀ) has no inverse; its pseudo-inverse is itself over a². That of one atom is 0.
    """
    scale_B, unit_BXX, adjugate_BXX, determinant_B, solid_B = _principal(state)
    inverse_BXX = adjugate_BXX / torch.where(solid_B, determinant_B, torch.ones_like(scale_B))[:, None, None]
    inverse_BXX = torch.where(solid_B[:, None, None], inverse_BXX, unit_BXX)
    return inverse_BXX / torch.where(scale_B > 0, scale_B, torch.ones_like(scale_B))[:, None, None]


def _principal(state: State) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Of each tensor of inertia: its size, it over its size, adjugate and determinant of that, and whether it has full
    rank, as that of a linear molecule or of one atom has not. Nothing waits for a GPU, as eigenvalue routines do.
    """
    tensor_BXX = inertia(state)
    scale_B = tensor_BXX.diagonal(dim1=1, dim2=2).sum(1) / 2  # between 3/2 and 1 times the largest eigenvalue
    unit_BXX = tensor_BXX / torch.where(scale_B > 0, scale_B, torch.ones_like(scale_B))[:, None, None]
    x, y, z = unit_BXX.unbind(1)
    adjugate_BXX = torch.stack([torch.linalg.cross(y, z), torch.linalg.cross(z, x), torch.linalg.cross(x, y)], dim=1)
    determinant_B = (x * adjugate_BXX[:, 0]).sum(1)
    smallest_B = 1e-6 * adjugate_BXX.diagonal(dim1=1, dim2=2).sum(1)  # of the eigenvalues' ratio, about
    return scale_B, unit_BXX, adjugate_BXX, determinant_B, determinant_B > smallest_B


def thermal_velocities(state: State, temperature_K: float, rng: Generator) -> State:
    """The same state with velocities from the Maxwell–Boltzmann distribution at `temperature_K`.

    P = 0, and L = 0 for isolated systems; a projection of Gaussian velocities, so that every remaining degree of
    freedom holds ½ k T on average and the kinetic energy keeps its canonical width.
    """
    sigma_N = torch.sqrt(BOLTZMANN * temperature_K / (KINETIC * state.masses))
    gauss_NX = torch.randn(state.positions.shape, generator=rng, dtype=state.positions.dtype, device=rng.device)
    drawn = replace(state, velocities=sigma_N[:, None] * gauss_NX.to(state.positions.device))
    return set_angular_momentum(set_momentum(drawn))
