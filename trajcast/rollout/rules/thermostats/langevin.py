"""Langevin thermostat: friction and noise on the velocity of every atom.

The exact solution of the Ornstein–Uhlenbeck process dv = −v dt / τ + noise over one interval,
v → c v + √(1 − c²) ξ with c = exp(−interval / τ) and ξ from the Maxwell–Boltzmann distribution. Being local, it keeps
every kind of motion at the target temperature, where one factor for many atoms can only keep their sum there; the
friction slows diffusion. Bussi & Parrinello 2007, doi:10.1103/PhysRevE.75.056707.
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
    """Shape of the normal random numbers that `apply` takes for each system, all of which have as many atoms."""
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
    """Damp and kick the velocity of every atom once, as friction 1 / `tau_fs` does in `interval_fs`.

    Total momentum, and the angular momentum of isolated systems, are set to zero: a projection in the metric of the
    kinetic energy, so that what is left is canonical on its `degrees_of_freedom`.
    """
    kept = math.exp(-interval_fs / tau_fs)
    width_N = torch.sqrt((1 - kept**2) * BOLTZMANN * temperature_K / (KINETIC * state.masses))
    kicked = kept * state.velocities + width_N[:, None] * normal.flatten(0, 1)
    return set_angular_momentum(set_momentum(replace(state, velocities=kicked)))
