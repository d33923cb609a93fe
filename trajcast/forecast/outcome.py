"""How a roll-out ended, and the guard that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.mechanics import kinetic_energy
from trajcast.neighbors import Neighbors
from trajcast.settings import Guard
from trajcast.state import State
from trajcast.units import BOLTZMANN

if TYPE_CHECKING:
    from jaxtyping import Float


class Ending(StrEnum):
    """Why a roll-out ended."""

    COMPLETED = "completed"
    NOT_FINITE = "not finite"
    OVERLAP = "atoms overlap"
    TOO_HOT = "too hot"
    TOO_COLD = "too cold"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A reason to end a roll-out."""

    ending: Ending
    reason: str


def check_motion(state: State, degrees_of_freedom: Float[Tensor, " systems"], guard: Guard) -> Alarm | None:
    """An alarm when a number is not finite or a system's temperature is outside the guard's band."""
    if not (torch.isfinite(state.positions).all() and torch.isfinite(state.velocities).all()):
        return Alarm(Ending.NOT_FINITE, "a position or velocity is not a finite number")
    temperatures = 2 * kinetic_energy(state) / (degrees_of_freedom * BOLTZMANN)
    hottest, coldest = float(temperatures.max()), float(temperatures.min())
    if hottest > guard.max_temperature_K:
        return Alarm(Ending.TOO_HOT, f"temperature {hottest:.0f} K exceeds {guard.max_temperature_K:g} K")
    if coldest < guard.min_temperature_K:
        return Alarm(Ending.TOO_COLD, f"temperature {coldest:.0f} K is below {guard.min_temperature_K:g} K")
    return None


def check_distances(neighbors: Neighbors, guard: Guard) -> Alarm | None:
    """An alarm when two atoms are closer than the guard allows."""
    closest = float(torch.linalg.vector_norm(neighbors.vectors, dim=-1).min())
    if closest < guard.min_distance_A:
        return Alarm(Ending.OVERLAP, f"two atoms are {closest:.2f} Å apart, closer than {guard.min_distance_A:g} Å")
    return None
