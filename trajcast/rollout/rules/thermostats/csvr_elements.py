"""Canonical velocity rescaling of each element separately, like the temperature groups of MD codes.

A single factor for all atoms cannot correct a rollout in which one element heats up and another cools down; a factor
for each element can.
Bussi, Donadio & Parrinello 2007, doi:10.1063/1.2408420.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core import mechanics
from trajcast.core.mechanics import set_angular_momentum, set_momentum
from trajcast.core.state import State
from trajcast.rollout.rules.thermostats import csvr

if TYPE_CHECKING:
    from jaxtyping import Float

ELEMENTS = 118


def noise_shape(state: State, degrees_of_freedom: Float[Tensor, " systems"]) -> tuple[int, ...]:
    """Shape of the normal random numbers that `apply` needs per system: those of `csvr` for each part."""
    kinds = len(torch.unique(state.numbers))
    inner, rest = _degrees_of_freedom(_groups(state, kinds), kinds, degrees_of_freedom)
    (width,) = csvr.noise_shape(state, torch.cat([inner, rest]))
    return (kinds + 1, width)


def apply(
    state: State,
    *,
    temperature_K: Float[Tensor, ""] | float,
    tau_fs: float,
    interval_fs: float,
    degrees_of_freedom: Float[Tensor, " systems"],
    normal: Float[Tensor, "systems parts width"],
) -> State:
    """Rescale the velocities of each element of each system once.

    The motion within each element (without the total momentum and, in isolated systems, angular momentum of its atoms)
    is rescaled by one factor per element, and the remainder, the motion of the elements relative to each other, by
    another. The kinetic energies of these parts add up, so the canonical distribution is preserved exactly. The total
    momentum and angular momentum remain zero.
    """
    kinds = normal.shape[1] - 1
    groups = _groups(state, kinds)
    within = set_angular_momentum(set_momentum(groups))
    between = replace(state, velocities=state.velocities - within.velocities)
    dof_within, dof_between = _degrees_of_freedom(groups, kinds, degrees_of_freedom)
    velocities = [
        csvr.apply(
            part,
            temperature_K=temperature_K,
            tau_fs=tau_fs,
            interval_fs=interval_fs,
            degrees_of_freedom=dof,
            normal=noise,
        ).velocities
        for part, dof, noise in (
            (within, dof_within, normal[:, :kinds].flatten(0, 1)),
            (between, dof_between, normal[:, kinds]),
        )
    ]
    return replace(state, velocities=velocities[0] + velocities[1])


def _groups(state: State, kinds: int) -> State:
    """The state with each element of each system as a separate system, in order of atomic number."""
    present = torch.zeros(ELEMENTS + 1, dtype=torch.long, device=state.numbers.device)
    element = present.index_fill(0, state.numbers, 1).cumsum(0)[state.numbers] - 1
    return replace(
        state,
        system_idx=state.system_idx * kinds + element,
        cell=state.cell.repeat_interleave(kinds, dim=0),
        pbc=state.pbc.repeat_interleave(kinds, dim=0),
    )


def _degrees_of_freedom(
    groups: State, kinds: int, degrees_of_freedom: Float[Tensor, " systems"]
) -> tuple[Float[Tensor, " groups"], Float[Tensor, " systems"]]:
    """Degrees of freedom within each element of each system, and of the remainder of each system."""
    within = mechanics.degrees_of_freedom(groups).clamp(min=0)  # an element may be absent from some systems
    return within, degrees_of_freedom - within.view(-1, kinds).sum(1)
