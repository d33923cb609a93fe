"""The checks that data must pass, by the names with which settings accept what fails them, and units by their names."""

from __future__ import annotations

from dataclasses import dataclass

VELOCITY_UNITS = ("A/fs", "A/ps", "nm/ps", "m/s", "ase", "bohr/aut")


@dataclass(frozen=True)
class Check:
    """A limit and why it is there."""

    limit: float
    reason: str


CHECKS = {
    "motion": Check(
        1.25,
        "displacements must be those of the velocities over the interval: b / expected b of trajcast.data.motion",
    ),
    "masses": Check(0.1, "masses (u) are those of the elements, their isotopes or repartitioned ones, one an element"),
    "repeats": Check(0.0, "frames that stand there twice count twice, and stop atoms that move: give each frame once"),
    "momentum": Check(
        0.02,
        "fixed atoms, friction, walls or fields break the conservation that the network imposes: give runs "
        "without them",
    ),
    "energy": Check(
        0.2,
        "thermostats and barostats do what the network cannot foresee: give NVE runs",
    ),
    "neighbors": Check(
        1.0,
        "is cutoff_A too short, or are positions in nm? A network of lone atoms learns nothing; mend the one or "
        "the other",
    ),
    "distance": Check(0.5, "are positions in another unit, or atoms on top of each other? Mend the trajectory"),
    "temperature": Check(
        1.6,
        "elements in equilibrium share one temperature: give the masses of the run, and equilibrate it",
    ),
}


def accepting(name: str) -> str:
    """How to have data taken that fail a check."""
    return f"put accept: [{name}] into the data set's settings (evaluate: --accept {name})"
