"""Canonical sampling through velocity rescaling.

Bussi, Donadio & Parrinello 2007, doi:10.1063/1.2408420.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from trajcast.mechanics import kinetic_energy
from trajcast.state import State
from trajcast.units import BOLTZMANN

if TYPE_CHECKING:
    from jaxtyping import Float


def apply(
    state: State,
    *,
    temperature_K: float,
    tau_fs: float,
    interval_fs: float,
    degrees_of_freedom: Float[Tensor, " systems"],
    rng: Generator,
) -> State:
    """Rescale each system's velocities once, as the thermostat of relaxation time `tau_fs` does in `interval_fs`.

    Directions do not change, nor do momenta that are zero. For whole numbers of degrees of freedom exact at any
    interval: the kinetic energy after it has the distribution that the stochastic equation gives, canonical in the
    long run. A fraction of a degree of freedom counts by its mean.
    """
    energy_B, dof_B = kinetic_energy(state), degrees_of_freedom
    kept = torch.exp(torch.tensor(-interval_fs / tau_fs, dtype=energy_B.dtype, device=energy_B.device))
    width = math.ceil(float(dof_B.max()))
    normal = torch.randn(len(energy_B), width, generator=rng, dtype=energy_B.dtype, device=rng.device).to(energy_B)
    counted = (dof_B[:, None] - torch.arange(width, device=energy_B.device)).clamp(0, 1)  # the last one may be a part
    first_B, squares_B = normal[:, 0], (counted * normal**2).sum(1)
    share_B = (1 - kept) * 0.5 * BOLTZMANN * temperature_K / energy_B  # (1 − c) K̄ / (N_f K)
    root_B = torch.sqrt(kept * share_B)
    factor_B = torch.sqrt(kept + share_B * squares_B + 2 * first_B * root_B)
    sign_B = torch.where(first_B + torch.sqrt(kept / share_B) < 0, -1.0, 1.0)
    return replace(state, velocities=(sign_B * factor_B)[state.system, None] * state.velocities)
