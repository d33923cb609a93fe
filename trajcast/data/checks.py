"""The checks that data must pass, by the names with which settings accept what fails them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A limit and why it is there."""

    limit: float
    reason: str


CHECKS = {
    "motion": Check(
        1.25,
        "displacements must be those of the velocities over the interval",
    ),
    "lag": Check(0.004, "velocities must be those at the times of the positions, not half a step earlier (leapfrog)"),
    "masses": Check(0.1, "masses (u) are those of the elements, their isotopes or repartitioned ones, one an element"),
    "repeats": Check(0.0, "they count twice, and make moving atoms seem at rest: give every frame once"),
    "momentum": Check(
        0.02,
        "fixed atoms, friction, walls and fields break the conservation that the network imposes: give runs "
        "without them",
    ),
    "center": Check(
        0.03,
        "positions were centred, rounded, or unwrapped wrongly: give those that belong to the velocities, with "
        "more digits",
    ),
    "rigid": Check(
        0.003, "a model that knows nothing of fixed bonds has too many degrees of freedom: take a flexible force field"
    ),
    "energy": Check(
        0.2,
        "thermostats and barostats do what the network cannot foresee: give NVE runs, with "
        "energies of the whole system",
    ),
    "distance": Check(0.5, "atoms on top of each other, or positions in nm: correct the trajectory"),
    "temperature": Check(
        1.6, "elements in equilibrium share one temperature: give the masses of the run, and equilibrate it"
    ),
}
IN_SETTINGS = "put accept: [{}] into the settings of the data set"
ON_THE_COMMAND_LINE = "give --accept {}"
