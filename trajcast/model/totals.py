"""Conservation laws of imported models; models trained with this package use `conserving` in `network`."""

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
    """Momentum and angular momentum that every system has after a step."""

    momentum: tuple[float, ...] | None  # u Å/fs; None keeps the value before the step
    conserve_angular_momentum: bool  # regardless of pbc
    angular_momentum: tuple[float, ...] | None  # u Å²/fs; None keeps the value before the step


def with_totals(
    state: State, displacement: Float[Tensor, "atoms 3"], velocity: Float[Tensor, "atoms 3"], totals: Totals
) -> tuple[Float[Tensor, "atoms 3"], Float[Tensor, "atoms 3"]]:
    """Displacement (Å) and new velocity (Å/fs), corrected to `totals`.

    The centre of mass stays fixed if the target momentum is zero; otherwise it moves as predicted.
    """
    wanted_BX = momentum(state) if totals.momentum is None else _of_each_system(totals.momentum, state)
    moved_BX = system_sum(state.masses[:, None] * displacement, state) / system_sum(state.masses, state)[:, None]
    at_rest_B = (wanted_BX == 0).all(1)
    held_BX = torch.where(at_rest_B[:, None], moved_BX, torch.zeros_like(moved_BX))
    displacement = displacement - held_BX[state.system_idx]
    after = replace(state, positions=state.positions + displacement, velocities=velocity)
    after = set_momentum(after, wanted_BX)
    if totals.conserve_angular_momentum:
        target = totals.angular_momentum
        angular_BX = angular_momentum(state) if target is None else _of_each_system(target, state)
        after = set_angular_momentum(replace(after, pbc=torch.zeros_like(after.pbc)), angular_BX)
    return displacement, after.velocities


def _of_each_system(vector: Sequence[float], state: State) -> Float[Tensor, "systems 3"]:
    """`vector` repeated for each system, created without synchronising with the GPU."""
    return torch.stack([state.positions.new_full((state.n_systems,), x) for x in vector], dim=1)
