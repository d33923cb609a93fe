"""The conservation laws of models that were trained elsewhere; networks trained here have those of `conserving`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core.mechanics import angular_momentum, momentum, set_angular_momentum, set_momentum
from trajcast.core.state import State, system_sum

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The totals that every system has after a step."""

    momentum: tuple[float, ...] | None  # u Å/fs; None: that before the step
    conserve_angular_momentum: bool  # whether the angular momentum is set, too, whatever directions are periodic
    angular_momentum: tuple[float, ...] | None  # u Å²/fs; None: that before the step


def with_totals(
    state: State, displacement: Float[Tensor, "atoms 3"], velocity: Float[Tensor, "atoms 3"], totals: Totals
) -> tuple[Float[Tensor, "atoms 3"], Float[Tensor, "atoms 3"]]:
    """Displacement (Å) and new velocity (Å/fs) with the wanted `totals`.

    The centre of mass of a system is held where the wanted momentum is zero, and moves as the network has it elsewhere.
    """
    wanted_BX = momentum(state) if totals.momentum is None else _of_each_system(totals.momentum, state)
    moved_BX = system_sum(state.masses[:, None] * displacement, state) / system_sum(state.masses, state)[:, None]
    at_rest_B = (wanted_BX == 0).all(1)
    held_BX = torch.where(at_rest_B[:, None], moved_BX, torch.zeros_like(moved_BX))
    displacement = displacement - held_BX[state.system_idx]
    after = replace(state, positions=state.positions + displacement, velocities=velocity)
    after = set_momentum(after, wanted_BX)
    if totals.conserve_angular_momentum:
        conserve_angular_momentum = totals.angular_momentum
        spin_BX = (
            angular_momentum(state)
            if conserve_angular_momentum is None
            else _of_each_system(conserve_angular_momentum, state)
        )
        after = set_angular_momentum(replace(after, pbc=torch.zeros_like(after.pbc)), spin_BX)
    return displacement, after.velocities


def _of_each_system(vector: Sequence[float], state: State) -> Float[Tensor, "systems 3"]:
    """`vector` for each system, put there without waiting for the device."""
    return torch.stack([state.positions.new_full((state.n_systems,), x) for x in vector], dim=1)
