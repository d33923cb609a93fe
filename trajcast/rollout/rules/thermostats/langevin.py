"""Langevin thermostat: friction and noise on the velocity of every atom.

The exact solution of the Ornstein–Uhlenbeck process dv = −v dt / τ + noise over one interval,
v → c v + √(1 − c²) ξ with c = exp(−interval / τ) and ξ from the Maxwell–Boltzmann distribution. As a local thermostat
it keeps every mode at the target temperature, whereas a common factor for many atoms controls only their total kinetic
energy. The friction slows diffusion. Bussi & Parrinello 2007, doi:10.1103/PhysRevE.75.056707.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core.mechanics import set_angular_momentum, set_momentum
from trajcast.core.state import State
from trajcast.core.units import BOLTZMANN, KINETIC

if TYPE_CHECKING:
    from jaxtyping import Float


def noise_shape(state: State, degrees_of_freedom: Float[Tensor, " systems"]) -> tuple[int, ...]:
    """Shape of the normal random numbers that `apply` needs per system; all systems have the same number of atoms."""
    return (state.n_atoms // state.n_systems, 3)


def apply(
    state: State,
    *,
    temperature_K: Float[Tensor, ""] | float,
    tau_fs: float,
    interval_fs: float,
    degrees_of_freedom: Float[Tensor, " systems"],
    normal: Float[Tensor, "systems atoms 3"],
) -> State:
    """Apply friction 1 / `tau_fs` and noise to the velocity of every atom for `interval_fs`.

    The total momentum, and the angular momentum of isolated systems, are set to zero. This projection is orthogonal in
    the metric of the kinetic energy, so the distribution of the remaining degrees of freedom is canonical.
    """
    decay = math.exp(-interval_fs / tau_fs)
    sigma_N = torch.sqrt((1 - decay**2) * BOLTZMANN * temperature_K / (KINETIC * state.masses))
    kicked = decay * state.velocities + sigma_N[:, None] * normal.flatten(0, 1)
    return set_angular_momentum(set_momentum(replace(state, velocities=kicked)))
