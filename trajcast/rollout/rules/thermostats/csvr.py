"""Canonical sampling through velocity rescaling (CSVR).

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
    """Shape of the normal random numbers that `apply` needs per system: one per degree of freedom."""
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
    """Rescale each system's velocities once, with relaxation time `tau_fs` over `interval_fs`.

    Zero momenta remain zero. For an integer number of degrees of freedom, the stochastic equation of the kinetic energy
    is integrated exactly for any interval, so its stationary distribution is canonical. A fractional degree of freedom
    contributes only its mean correctly.
    """
    energy_B, decay = kinetic_energy(state), math.exp(-interval_fs / tau_fs)
    index = torch.arange(normal.shape[1], device=normal.device)
    weight = (degrees_of_freedom[:, None] - index).clamp(0, 1)  # the last one may be a fraction
    first_B, squares_B = normal[:, 0], (weight * normal**2).sum(1)
    share_B = (1 - decay) * 0.5 * BOLTZMANN * temperature_K / energy_B  # (1 − c) K̄ / (N_f K)
    factor_B = torch.sqrt(decay + share_B * squares_B + 2 * first_B * torch.sqrt(decay * share_B))
    negative_B = first_B + torch.sqrt(decay / share_B) < 0
    factor_B = torch.where(negative_B, -factor_B, factor_B)
    factor_B = torch.where(degrees_of_freedom > 0, factor_B, torch.ones_like(factor_B))
    return replace(state, velocities=factor_B[state.system_idx, None] * state.velocities)
