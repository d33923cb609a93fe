"""Canonical velocity rescaling of each element by itself, as molecular dynamics codes do with temperature groups.

One factor for all atoms cannot mend a forecast in which one element grows hot and another cold; a factor for each can.
Bussi, Donadio & Parrinello 2007, doi:10.1063/1.2408420.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.mechanics import set_angular_momentum, set_momentum
from trajcast.state import State, system_sum
from trajcast.thermostats import csvr

if TYPE_CHECKING:
    from jaxtyping import Float

ELEMENTS = 118


def noise_shape(state: State, degrees_of_freedom: Float[Tensor, " systems"]) -> tuple[int, ...]:
    """Shape of the normal random numbers that `apply` takes for each system: those of `csvr` for each element."""
    kinds = len(torch.unique(state.numbers))
    groups = _groups(state, kinds)
    return (kinds, *csvr.noise_shape(groups, _group_degrees_of_freedom(state, groups, kinds, degrees_of_freedom)))


def apply(
    state: State,
    *,
    temperature_K: Float[Tensor, ""] | float,
    tau_fs: float,
    interval_fs: float,
    degrees_of_freedom: Float[Tensor, " systems"],
    normal: Float[Tensor, "systems kinds width"],
) -> State:
    """Rescale the velocities of each element of each system once.

    Total momentum, and the angular momentum of isolated systems, are set to zero again.

    What the system's conserved totals take from its degrees of freedom is shared among the elements by mass. As the
    elements exchange momentum, the distribution is canonical only up to terms of the order of 1 / atoms.
    """
    kinds = normal.shape[1]
    groups = _groups(state, kinds)
    rescaled = csvr.apply(
        groups,
        temperature_K=temperature_K,
        tau_fs=tau_fs,
        interval_fs=interval_fs,
        degrees_of_freedom=_group_degrees_of_freedom(state, groups, kinds, degrees_of_freedom),
        normal=normal.flatten(0, 1),
    )
    return set_angular_momentum(set_momentum(replace(state, velocities=rescaled.velocities)))


def _groups(state: State, kinds: int) -> State:
    """The state with each of the `kinds` elements of each system as a system of its own, by atomic number."""
    present = torch.zeros(ELEMENTS + 1, dtype=torch.long, device=state.numbers.device)
    element = present.index_fill(0, state.numbers, 1).cumsum(0)[state.numbers] - 1
    return replace(
        state,
        system=state.system * kinds + element,
        cell=state.cell.repeat_interleave(kinds, dim=0),
        periodic=state.periodic.repeat_interleave(kinds, dim=0),
    )


def _group_degrees_of_freedom(
    state: State, groups: State, kinds: int, degrees_of_freedom: Float[Tensor, " systems"]
) -> Float[Tensor, " groups"]:
    atoms, mass = system_sum(torch.ones_like(state.masses), groups), system_sum(state.masses, groups)
    taken = 3 * system_sum(torch.ones_like(state.masses), state) - degrees_of_freedom
    share = mass / system_sum(state.masses, state).repeat_interleave(kinds)
    return 3 * atoms - share * taken.repeat_interleave(kinds)
