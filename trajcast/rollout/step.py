"""One rollout step without synchronisation, so that the GPU never waits for Python."""

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
    """State of all systems after one step, with the neighbours for the next.

    Systems that the guard has stopped no longer move; their values are finite.
    """

    state: State
    neighbors: Neighbors
    active: Bool[Tensor, " systems"]  # not stopped by the guard


@dataclass(frozen=True, slots=True)
class Report:
    """Values to inspect after a step, or after each step of a burst."""

    readings: Readings
    required_capacity: Int[Tensor, "*steps sizes"]  # see `NeighborResult`


@dataclass(frozen=True, kw_only=True)
class Stepper:
    """A model with everything that is constant during a rollout of its systems."""

    model: TrajCast
    settings: RolloutSettings
    constants: CachedConstants
    degrees_of_freedom: Float[Tensor, " systems"]
    thermostat: ModuleType | None
    noise_shape: tuple[int, ...]  # of the normal random numbers per step and system
    search: Search

    def begin(self, state: State, active: Bool[Tensor, " systems"]) -> tuple[RolloutState, NeighborResult]:
        """State to step from; of the `active` systems, those with overlapping atoms are stopped."""
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
        """State one horizon later.

        A system whose temperature or numbers violate the guard keeps its last valid state; one whose atoms come too
        close stops in the new state.

        Args:
            target_K: Target temperature of the thermostat, K.
            remove_com_motion: Whether to set P, and L of isolated systems, to zero.
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
    """Stepper for systems such as `state`.

    Raises:
        UserError: The thermostat or an element is unknown.
    """
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
    """`new` for the selected systems, `old` for the others; NaNs of one do not reach the other."""
    atoms = systems[new.system_idx, None]
    return replace(
        old,
        positions=torch.where(atoms, new.positions, old.positions),
        velocities=torch.where(atoms, new.velocities, old.velocities),
    )
