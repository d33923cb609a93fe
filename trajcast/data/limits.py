"""Compare the measured physics of pairs with the limits in `CHECKS`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trajcast.core.elements import LAMMPS_C
from trajcast.core.errors import UserError
from trajcast.data.checks import CHECKS
from trajcast.data.physics import Physics

COLDEST_K, HOTTEST_K = 0.5, 30000.0


def check_physics(
    physics: Physics,
    where: str,
    files: Sequence[str],
    horizon_fs: float,
    accept: Sequence[str],
    override: str,
) -> None:
    """Raise an error for the first failed check that `accept` does not name.

    Args:
        where: Start of the error message.
        files: Source files, indexed by source number.
        override: How to accept a failed check; {} stands for its name.

    Raises:
        UserError: A check failed.
    """
    for name, message in _failures(physics, files, horizon_fs):
        if name not in accept:
            raise UserError(f"{where}: {message}; {CHECKS[name].reason}. If intended, {override.format(name)}")


def _failures(physics: Physics, files: Sequence[str], horizon_fs: float) -> Iterator[tuple[str, str]]:
    limit = {name: f"{check.limit:g}" for name, check in CHECKS.items()}
    if physics.repeated > CHECKS["repeats"].limit:
        yield "repeats", f"{100 * physics.repeated:.3g} % of the pairs occur more than once (none may)"
    for name, change in (("momentum", physics.momentum), ("angular momentum", physics.angular_momentum or 0.0)):
        if change > CHECKS["momentum"].limit:
            yield (
                "momentum",
                f"over {horizon_fs:g} fs the total {name} changes by {change:.2g} times that of a typical atom (at "
                f"most {limit['momentum']} allowed)",
            )
    if physics.center > CHECKS["center"].limit:
        yield (
            "center",
            f"displacements do not follow the velocities: the centre of mass is off by {100 * physics.center:.3g} % "
            f"of an atom's step (at most {100 * CHECKS['center'].limit:g} % allowed)",
        )
    if physics.rigid is not None and physics.rigid < CHECKS["rigid"].limit:
        yield (
            "rigid",
            f"the relative fluctuation of a bond length is {physics.rigid:.2g} (at least {limit['rigid']} expected of "
            "vibrating bonds)",
        )
    if physics.energy is not None and physics.energy > CHECKS["energy"].limit:
        yield (
            "energy",
            f"over {horizon_fs:g} fs the change of the total energy is {physics.energy:.2g} times that of the kinetic "
            f"energy (at most {limit['energy']} allowed)",
        )
    if physics.closest is not None and physics.closest < CHECKS["distance"].limit:
        first, second = physics.closest_atoms
        yield (
            "distance",
            f"atoms {first} and {second} are {physics.closest_A:.3g} Å apart in frame {physics.closest_frame} of "
            f"{files[physics.closest_source]}, {physics.closest:.2g} of the sum of their covalent radii (at least "
            f"{limit['distance']} required)",
        )
    coldest, hottest = min(physics.temperatures_K.values()), max(physics.temperatures_K.values())
    if not COLDEST_K < coldest <= hottest < HOTTEST_K:
        yield (
            "temperature",
            f"elements are at {coldest:.3g} to {hottest:.3g} K, outside {COLDEST_K:g} to {HOTTEST_K:g} K: check the "
            "units of time and velocities",
        )
    yield from _temperatures(physics, CHECKS["temperature"].limit)


def _temperatures(physics: Physics, allowed: float) -> Iterator[tuple[str, str]]:
    kelvin, errors = physics.temperatures_K, physics.temperature_errors
    if len(kelvin) < 2:
        return
    hot, cold = max(kelvin, key=kelvin.__getitem__), min(kelvin, key=kelvin.__getitem__)
    ratio = kelvin[hot] / max(kelvin[cold], np.finfo(float).tiny)
    if np.log(ratio) > np.log(allowed) + 4 * np.hypot(errors[hot], errors[cold]):
        yield (
            "temperature",
            f"{hot} is at {kelvin[hot]:.4g} K and {cold} at {kelvin[cold]:.4g} K, a factor of {ratio:.3g} (at most "
            f"{allowed:g} allowed){LAMMPS_C if 'C' in (hot, cold) else ''}",
        )
