"""Momenta, kinetic energy, temperature, and velocities with prescribed momenta or temperature."""

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
    """Centre of mass of each system, from unwrapped positions, Å."""
    return system_sum(state.masses[:, None] * state.positions, state) / system_sum(state.masses, state)[:, None]


def angular_momentum(state: State) -> Float[Tensor, "systems 3"]:
    """Angular momentum of each system about its centre of mass, u Å²/fs."""
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    return system_sum(state.masses[:, None] * torch.linalg.cross(r_NX, state.velocities), state)


def inertia(state: State) -> Float[Tensor, "systems 3 3"]:
    """Inertia tensor of each system about its centre of mass, u Å²."""
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    eye = torch.eye(3, dtype=r_NX.dtype, device=r_NX.device)
    r2_N = (r_NX**2).sum(1)
    per_atom = r2_N[:, None, None] * eye - r_NX[:, :, None] * r_NX[:, None, :]
    return system_sum(state.masses[:, None, None] * per_atom, state)


def isolated(state: State) -> Tensor:
    """True for each system without periodic directions; only these conserve angular momentum."""
    return ~state.pbc.any(1)


def kinetic_energy(state: State) -> Float[Tensor, " systems"]:
    """Kinetic energy of each system, eV."""
    return system_sum(0.5 * KINETIC * state.masses * (state.velocities**2).sum(1), state)


def degrees_of_freedom(state: State) -> Float[Tensor, " systems"]:
    """Kinetic degrees of freedom of each system: 3N minus the number of conserved components.

    3N − 3 if any direction is periodic (P conserved), 3N − 6 for an isolated system (P and L conserved),
    3N − 5 for an isolated linear molecule, which cannot rotate about its axis.
    """
    atoms_B = system_sum(torch.ones_like(state.masses), state)
    extent_B, _, _, _, solid_B = _principal(state)
    rotations_B = torch.where(solid_B, 3.0, torch.where(extent_B > 0, 2.0, 0.0)).to(atoms_B)
    return 3 * atoms_B - 3 - torch.where(isolated(state), rotations_B, torch.zeros_like(rotations_B))


def temperature(state: State) -> Float[Tensor, " systems"]:
    """Kinetic temperature of each system, given its degrees of freedom, K."""
    return 2 * kinetic_energy(state) / (degrees_of_freedom(state) * BOLTZMANN)


def set_momentum(state: State, target: Float[Tensor, "systems 3"] | float = 0.0) -> State:
    """Set the total momentum of each system to `target` (u Å/fs) by shifting all its velocities equally."""
    excess_BX = (momentum(state) - target) / system_sum(state.masses, state)[:, None]
    return replace(state, velocities=state.velocities - excess_BX[state.system_idx])


def set_angular_momentum(state: State, target: Float[Tensor, "systems 3"] | float = 0.0) -> State:
    """Set the angular momentum of each isolated system to `target` (u Å²/fs) by adding a rigid rotation.

    Periodic systems and the linear momentum remain unchanged.
    """
    excess_BX = angular_momentum(state) - target
    omega_BX = (_inverse_inertia(state) @ excess_BX[:, :, None])[:, :, 0]
    omega_BX = torch.where(isolated(state)[:, None], omega_BX, torch.zeros_like(omega_BX))
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    return replace(state, velocities=state.velocities - torch.linalg.cross(omega_BX[state.system_idx], r_NX))


def _inverse_inertia(state: State) -> Float[Tensor, "systems 3 3"]:
    """Inverse inertia tensor, which maps angular momentum to angular velocity.

    The tensor of a linear molecule, a (1 − n nᵀ), is singular; its pseudo-inverse is the tensor divided by a². The
    pseudo-inverse for a single atom is zero.
    """
    scale_B, unit_BXX, adjugate_BXX, determinant_B, solid_B = _principal(state)
    inverse_BXX = adjugate_BXX / torch.where(solid_B, determinant_B, torch.ones_like(scale_B))[:, None, None]
    inverse_BXX = torch.where(solid_B[:, None, None], inverse_BXX, unit_BXX)
    return inverse_BXX / torch.where(scale_B > 0, scale_B, torch.ones_like(scale_B))[:, None, None]


def _principal(state: State) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Scale of each inertia tensor; adjugate and determinant of the scaled tensor; and whether it has full rank.

    The tensors of linear molecules and single atoms do not. Eigenvalue routines would synchronise with the GPU.

    Returns:
        Scale, tensor divided by its scale, its adjugate, its determinant, and True for full rank, for each system.
    """
    tensor_BXX = inertia(state)
    scale_B = tensor_BXX.diagonal(dim1=1, dim2=2).sum(1) / 2  # 1 to 3/2 times the largest eigenvalue
    unit_BXX = tensor_BXX / torch.where(scale_B > 0, scale_B, torch.ones_like(scale_B))[:, None, None]
    x, y, z = unit_BXX.unbind(1)
    adjugate_BXX = torch.stack([torch.linalg.cross(y, z), torch.linalg.cross(z, x), torch.linalg.cross(x, y)], dim=1)
    determinant_B = (x * adjugate_BXX[:, 0]).sum(1)
    smallest_B = 1e-6 * adjugate_BXX.diagonal(dim1=1, dim2=2).sum(
        1
    )  # threshold on roughly the ratio of the eigenvalues
    return scale_B, unit_BXX, adjugate_BXX, determinant_B, determinant_B > smallest_B


def thermal_velocities(state: State, temperature_K: float, rng: Generator) -> State:
    """Draw velocities from the Maxwell–Boltzmann distribution at `temperature_K` with P = 0, and L = 0 if isolated.

    Gaussian velocities are projected, so every remaining degree of freedom holds ½ k T on average and the kinetic
    energy keeps its canonical variance.
    """
    sigma_N = torch.sqrt(BOLTZMANN * temperature_K / (KINETIC * state.masses))
    gauss_NX = torch.randn(state.positions.shape, generator=rng, dtype=state.positions.dtype, device=rng.device)
    drawn = replace(state, velocities=sigma_N[:, None] * gauss_NX.to(state.positions.device))
    return set_angular_momentum(set_momentum(drawn))
