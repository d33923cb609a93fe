"""Whether what was measured of pairs is within the limits of `CHECKS`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trajcast.core.elements import LAMMPS_C
from trajcast.core.errors import UserError
from trajcast.data.checks import CHECKS
from trajcast.data.physics import Physics

COLDEST_K, HOTTEST_K = 0.5, 30000.0


def check_physics(
    found: Physics,
    where: str,
    files: Sequence[str],
    horizon_fs: float,
    accept: Sequence[str],
    override: str,
) -> None:
    """UserError, begun with `where`, for the first check that fails and that `accept` does not name.

    `files` are the sources by their number, `override` tells how to have it accepted, with {} for its name.
    """
    for name, message in _failures(found, files, horizon_fs):
        if name not in accept:
            raise UserError(f"{where}: {message}; {CHECKS[name].reason}. If intended, {override.format(name)}")


def _failures(found: Physics, files: Sequence[str], horizon_fs: float) -> Iterator[tuple[str, str]]:
    limit = {name: f"{check.limit:g}" for name, check in CHECKS.items()}
    if found.repeated > CHECKS["repeats"].limit:
        yield "repeats", f"{100 * found.repeated:.3g} % of the pairs occur more than once, none may"
    for name, change in (("momentum", found.momentum), ("angular momentum", found.angular_momentum or 0.0)):
        if change > CHECKS["momentum"].limit:
            yield (
                "momentum",
                f"over {horizon_fs:g} fs the total {name} changes by {change:.2g} times that of a typical atom, at "
                f"most {limit['momentum']} is allowed",
            )
    if found.center > CHECKS["center"].limit:
        yield (
            "center",
            f"displacements do not follow the velocities: the centre of mass is off by {100 * found.center:.3g} % of "
            f"an atom's step, at most {100 * CHECKS['center'].limit:g} % is allowed",
        )
    if found.rigid is not None and found.rigid < CHECKS["rigid"].limit:
        yield (
            "rigid",
            f"the length of a bond varies by {found.rigid:.2g} of itself, at least {limit['rigid']} is expected of "
            "bonds that vibrate",
        )
    if found.energy is not None and found.energy > CHECKS["energy"].limit:
        yield (
            "energy",
            f"over {horizon_fs:g} fs the change of the total energy is {found.energy:.2g} times that of the kinetic "
            f"energy, at most {limit['energy']} is allowed",
        )
    if found.closest is not None and found.closest < CHECKS["distance"].limit:
        first, second = found.closest_atoms
        yield (
            "distance",
            f"atoms {first} and {second} are {found.closest_A:.3g} Å apart in frame {found.closest_frame} of "
            f"{files[found.closest_source]}, {found.closest:.2g} of the sum of their covalent radii, at least "
            f"{limit['distance']} is needed",
        )
    coldest, hottest = min(found.temperatures_K.values()), max(found.temperatures_K.values())
    if not COLDEST_K < coldest <= hottest < HOTTEST_K:
        yield (
            "temperature",
            f"elements are at {coldest:.3g} to {hottest:.3g} K, which must be within {COLDEST_K:g} to {HOTTEST_K:g} K: "
            "are time and velocities in the units that were told",
        )
    yield from _temperatures(found, CHECKS["temperature"].limit)


def _temperatures(found: Physics, allowed: float) -> Iterator[tuple[str, str]]:
    kelvin, errors = found.temperatures_K, found.temperature_errors
    if len(kelvin) < 2:
        return
    hot, cold = max(kelvin, key=kelvin.__getitem__), min(kelvin, key=kelvin.__getitem__)
    ratio = kelvin[hot] / max(kelvin[cold], np.finfo(float).tiny)
    if np.log(ratio) > np.log(allowed) + 4 * np.hypot(errors[hot], errors[cold]):
        yield (
            "temperature",
            f"{hot} is at {kelvin[hot]:.4g} K and {cold} at {kelvin[cold]:.4g} K, a factor of {ratio:.3g}, at most "
            f"{allowed:g} is allowed{LAMMPS_C if 'C' in (hot, cold) else ''}",
        )
