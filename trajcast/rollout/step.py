"""One step of a rollout, without a look at what it computes: a device never has to wait for Python."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.config.settings import RolloutSettings
from trajcast.core.mechanics import degrees_of_freedom
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.neighbors.search import NeighborResult, Search, search_for
from trajcast.core.plugins import named_module
from trajcast.core.state import State
from trajcast.model.network import CachedConstants, TrajCast
from trajcast.rollout.rules import momentum
from trajcast.rollout.rules.guard import Readings, distance_allowed, motion_allowed, read_motion

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, slots=True)
class RolloutState:
    """All systems at one step, with what the next step needs.

    A system that the guard stopped does not move any more; its numbers are finite.
    """

    state: State
    neighbors: Neighbors
    active: Bool[Tensor, " systems"]  # not stopped


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be looked at after a step; in a burst for each step."""

    readings: Readings
    required_capacity: Int[Tensor, "*steps sizes"]  # see `NeighborResult`


@dataclass(frozen=True, kw_only=True)
class Stepper:
    """A model with everything that stays the same over a rollout of the systems it was made for."""

    model: TrajCast
    settings: RolloutSettings
    constants: CachedConstants
    degrees_of_freedom: Float[Tensor, " systems"]
    thermostat: ModuleType | None
    noise_shape: tuple[int, ...]  # of the normal random numbers that a step takes for each system
    search: Search

    def begin(self, state: State, active: Bool[Tensor, " systems"]) -> tuple[RolloutState, NeighborResult]:
        """The moment from which those systems set out that are going and whose atoms do not overlap."""
        result = self.search(state)
        return RolloutState(
            state, result.neighbors, active & distance_allowed(result.closest, self.settings.guard)
        ), result

    @torch.no_grad()
    def __call__(
        self,
        rollout_state: RolloutState,
        normal: Float[Tensor, "systems ..."],
        target_K: Float[Tensor, ""],
        *,
        remove_com_motion: bool,
    ) -> tuple[RolloutState, Report]:
        """The moment one horizon later.

        `target_K` is the temperature of the thermostat; `remove_com_motion`: P is zeroed, and L of isolated systems.
        A system that may not go on keeps the last state that it may have, or one whose atoms are too close.
        """
        state, settings, guard = rollout_state.state, self.settings, self.settings.guard
        predicted = self.model(state, rollout_state.neighbors, self.constants)
        after = replace(state, positions=state.positions + predicted.displacement, velocities=predicted.velocity)
        if remove_com_motion:
            conserved = self.constants.conserve_angular_momentum
            after = momentum.remove_com_motion(after, conserve_angular_momentum=conserved)
        finite, temperature = read_motion(after, self.degrees_of_freedom)
        active = rollout_state.active & motion_allowed(finite, temperature, guard, target_K / settings.temperature_K)
        later, result = self.begin(_where(active, after, state), active)
        report = Report(Readings(finite, temperature, result.closest), result.required_capacity)
        if self.thermostat is None:
            return later, report
        rescaled = self.thermostat.apply(
            later.state,
            temperature_K=target_K,
            tau_fs=settings.tau_horizons * self.model.scales.horizon_fs,
            interval_fs=self.model.scales.horizon_fs,
            degrees_of_freedom=self.degrees_of_freedom,
            normal=normal,
        )
        return replace(later, state=_where(later.active, rescaled, later.state)), report


def stepper(model: TrajCast, settings: RolloutSettings, state: State) -> Stepper:
    """The stepper for systems like `state`; UserError for an unknown thermostat or element."""
    constants, dof = model.constants(state), degrees_of_freedom(state)
    thermostat = named_module("rollout.rules.thermostats", settings.thermostat) if settings.thermostat else None
    return Stepper(
        model=model,
        settings=settings,
        constants=constants,
        degrees_of_freedom=dof,
        thermostat=thermostat,
        noise_shape=thermostat.noise_shape(state, dof) if thermostat else (0,),
        search=search_for(state, model.scales.cutoff),
    )


def _where(systems: Bool[Tensor, " systems"], new: State, old: State) -> State:
    """`new` for some systems, `old` for the others; not a number of the one gets into the other."""
    atoms = systems[new.system_idx, None]
    return replace(
        old,
        positions=torch.where(atoms, new.positions, old.positions),
        velocities=torch.where(atoms, new.velocities, old.velocities),
    )
