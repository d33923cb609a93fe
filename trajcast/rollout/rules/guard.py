"""The guard: limits that end a rollout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.config.settings import GuardSettings
from trajcast.core.mechanics import kinetic_energy
from trajcast.core.state import State, system_sum
from trajcast.core.units import BOLTZMANN

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class Ending(StrEnum):
    """Why a rollout ended."""

    COMPLETED = "completed"
    NOT_FINITE = "not finite"
    OVERLAP = "atoms overlap"
    TOO_HOT = "too hot"
    TOO_COLD = "too cold"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A reason to end a rollout."""

    ending: Ending
    reason: str


@dataclass(frozen=True, slots=True)
class Readings:
    """Values that the guard checks, for each system and, in a burst, each step."""

    finite: Bool[Tensor, "*steps systems"]  # whether all positions and velocities are finite
    temperature: Float[Tensor, "*steps systems"]  # K
    closest: Float[Tensor, "*steps systems"]  # shortest distance between two atoms, Å


def read_motion(state: State, degrees_of_freedom: Float[Tensor, " systems"]) -> tuple[Tensor, Tensor]:
    """Whether all positions and velocities of each system are finite, and its temperature (K)."""
    broken = ~(torch.isfinite(state.positions) & torch.isfinite(state.velocities)).all(1)
    finite = system_sum(broken.to(state.masses), state) == 0
    return finite, 2 * kinetic_energy(state) / (degrees_of_freedom * BOLTZMANN)


def motion_allowed(
    finite: Tensor, temperature: Tensor, guard: GuardSettings, ratio: Tensor
) -> Bool[Tensor, " systems"]:
    """Whether each system is finite and within the guard's temperature limits.

    The limits scale with `ratio`, the present target temperature divided by the first, as do the fluctuations of T.
    """
    hottest, coldest = guard.max_temperature_K * ratio, guard.min_temperature_K * ratio
    return finite & (temperature <= hottest) & (temperature >= coldest)


def distance_allowed(closest: Tensor, guard: GuardSettings) -> Bool[Tensor, " systems"]:
    """Whether no two atoms of each system are closer than the guard allows."""
    return closest >= guard.min_distance_A


def motion_alarm(finite: bool, temperature: float, guard: GuardSettings, ratio: float) -> Alarm | None:
    """Why one system's motion is not allowed; None if it is. `ratio` as in `motion_allowed`."""
    hottest, coldest = guard.max_temperature_K * ratio, guard.min_temperature_K * ratio
    if not finite:
        return Alarm(Ending.NOT_FINITE, "a position or velocity is not a finite number")
    if not temperature <= hottest:
        return Alarm(Ending.TOO_HOT, f"temperature {temperature:.0f} K exceeds {hottest:.4g} K")
    if not temperature >= coldest:
        return Alarm(Ending.TOO_COLD, f"temperature {temperature:.0f} K is below {coldest:.4g} K")
    return None


def distance_alarm(closest: float, guard: GuardSettings) -> Alarm | None:
    """Why one system's shortest distance is not allowed; None if it is."""
    if not closest >= guard.min_distance_A:
        return Alarm(Ending.OVERLAP, f"two atoms are {closest:.2f} Å apart, closer than {guard.min_distance_A:g} Å")
    return None


def first_alarm(
    readings: Readings, system: int, guard: GuardSettings, ratios: Float[Tensor, " steps"]
) -> tuple[int, Alarm] | None:
    """First step (from 0) of a burst at which a system violates the guard, and why; None if there is none."""
    values = (x[:, system].tolist() for x in (readings.finite, readings.temperature, readings.closest))
    for number, (finite, temperature, closest, ratio) in enumerate(zip(*values, ratios.tolist(), strict=True)):
        if alarm := motion_alarm(finite, temperature, guard, ratio) or distance_alarm(closest, guard):
            return number, alarm
    return None
