"""Canonical velocity rescaling of each element by itself, as molecular dynamics codes do with temperature groups.

One factor for all atoms cannot mend a forecast in which one element grows hot and another cold; a factor for each can.
Bussi, Donadio & Parrinello 2007, doi:10.1063/1.2408420.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from trajcast.mechanics import set_momentum
from trajcast.state import State, system_sum
from trajcast.thermostats import csvr

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
    """Rescale the velocities of each element of each system once; total momentum is set to zero again.

    What the system's conserved totals take from its degrees of freedom is shared among the elements by mass. As the
    elements exchange momentum, the distribution is canonical only up to terms of the order of 1 / atoms.
    """
    elements, element = torch.unique(state.numbers, return_inverse=True)
    kinds = len(elements)
    groups = replace(
        state,
        system=state.system * kinds + element,
        cell=state.cell.repeat_interleave(kinds, dim=0),
        periodic=state.periodic.repeat_interleave(kinds, dim=0),
    )
    atoms, mass = system_sum(torch.ones_like(state.masses), groups), system_sum(state.masses, groups)
    taken = 3 * system_sum(torch.ones_like(state.masses), state) - degrees_of_freedom
    share = mass / system_sum(state.masses, state).repeat_interleave(kinds)
    rescaled = csvr.apply(
        groups,
        temperature_K=temperature_K,
        tau_fs=tau_fs,
        interval_fs=interval_fs,
        degrees_of_freedom=3 * atoms - share * taken.repeat_interleave(kinds),
        rng=rng,
    )
    return set_momentum(replace(state, velocities=rescaled.velocities))
