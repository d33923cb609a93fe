"""Removal of COM motion, and of the rotation of isolated systems."""

from __future__ import annotations

from trajcast.core.mechanics import set_angular_momentum, set_momentum
from trajcast.core.state import State


def remove_com_motion(state: State, *, conserve_angular_momentum: bool) -> State:
    """The same state with P = 0 and, for isolated systems whose L is conserved, L = 0."""
    at_rest = set_momentum(state)
    return set_angular_momentum(at_rest) if conserve_angular_momentum else at_rest
