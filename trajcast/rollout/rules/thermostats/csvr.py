"""Canonical sampling through velocity rescaling.

Bussi, Donadio & Parrinello 2007, doi:10.1063/1.2408420.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core.mechanics import kinetic_energy
from trajcast.core.state import State
from trajcast.core.units import BOLTZMANN

if TYPE_CHECKING:
    from jaxtyping import Float


def noise_shape(state: State, degrees_of_freedom: Float[Tensor, " systems"]) -> tuple[int, ...]:
    """Shape of the normal random numbers that `apply` takes for each system: one for each degree of freedom."""
    return (math.ceil(float(degrees_of_freedom.max())),)


def apply(
    state: State,
    *,
    temperature_K: Float[Tensor, ""] | float,
    tau_fs: float,
    interval_fs: float,
    degrees_of_freedom: Float[Tensor, " systems"],
    normal: Float[Tensor, "systems width"],
) -> State:
    """Rescale each system's velocities once, as the thermostat of relaxation time `tau_fs` does in `interval_fs`.

    Directions do not change, nor do momenta that are zero. For whole numbers of degrees of freedom exact at any
    interval: the kinetic energy after it has the distribution that the stochastic equation gives, canonical in the
    long run. A fraction of a degree of freedom counts by its mean.
    """
    energy_B, kept = kinetic_energy(state), math.exp(-interval_fs / tau_fs)
    places = torch.arange(normal.shape[1], device=normal.device)
    counted = (degrees_of_freedom[:, None] - places).clamp(0, 1)  # the last one may be a part
    first_B, squares_B = normal[:, 0], (counted * normal**2).sum(1)
    share_B = (1 - kept) * 0.5 * BOLTZMANN * temperature_K / energy_B  # (1 − c) K̄ / (N_f K)
    factor_B = torch.sqrt(kept + share_B * squares_B + 2 * first_B * torch.sqrt(kept * share_B))
    turned_B = first_B + torch.sqrt(kept / share_B) < 0
    factor_B = torch.where(turned_B, -factor_B, factor_B)
    factor_B = torch.where(degrees_of_freedom > 0, factor_B, torch.ones_like(factor_B))
    return replace(state, velocities=factor_B[state.system_idx, None] * state.velocities)
