"""The checks that data must pass, by the names under which settings and command line accept a failure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """Limit of a check, and its rationale and remedy for the error message."""

    limit: float
    reason: str


CHECKS = {
    "motion": Check(
        1.25,
        "displacements must be consistent with the velocities over the interval",
    ),
    "lag": Check(0.004, "velocities must be those at the times of the positions, not half a step earlier (leapfrog)"),
    "masses": Check(0.1, "masses (u) must be standard, isotopic or repartitioned ones, one per element"),
    "repeats": Check(0.0, "duplicates count twice and make moving atoms appear at rest: give every frame once"),
    "momentum": Check(
        0.02,
        "fixed atoms, friction, walls and external fields break the momentum conservation that the network imposes: "
        "give runs without them",
    ),
    "center": Check(
        0.03,
        "positions were centred, rounded or unwrapped incorrectly: give the original positions, with more digits",
    ),
    "rigid": Check(
        0.003, "a model without bond constraints has more degrees of freedom than the run: use a flexible force field"
    ),
    "energy": Check(
        0.2,
        "the network cannot predict the action of a thermostat or barostat: give NVE runs, with energies of the whole "
        "system",
    ),
    "distance": Check(0.5, "overlapping atoms, or positions in nm: correct the trajectory"),
    "temperature": Check(
        1.6, "at equilibrium all elements have the same temperature: give the masses of the run, and equilibrate it"
    ),
}
IN_SETTINGS = "add accept: [{}] to the settings of the data set"
ON_THE_COMMAND_LINE = "give --accept {}"
