"""Physics checks of a data set: each a number of every split, its limit, and the reason for that limit.

What lies beyond a limit is refused, unless `accept` names the check. The numbers go into the data set's record and onto
the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

from trajcast.atoms import symbol
from trajcast.data.checks import CHECKS, accepting
from trajcast.data.dataset import Pairs
from trajcast.data.frames import Frames
from trajcast.data.motion import motion_of, sums
from trajcast.errors import UserError
from trajcast.progress import progress
from trajcast.units import BOLTZMANN, KINETIC, PS


@dataclass(frozen=True, kw_only=True)
class Physics:
    """What one split, or one file of pairs, was found to be."""

    pairs: int
    flight: float  # RMS displacement / (RMS velocity × horizon)
    correlation: float  # of displacements with the mean velocities at both ends
    momentum: float  # RMS change of the total over a horizon / RMS momentum of an atom
    angular_momentum: float | None  # the same about the centre of mass; None for what is periodic
    energy: float | None  # RMS change of the total over a horizon / that of the kinetic energy; None where not stated
    neighbors: float  # within the cutoff, of an atom
    lonely: float  # share of atoms without any
    closest_A: float  # distance of two atoms
    closest: float  # smallest distance / sum of covalent radii
    closest_atoms: tuple[int, int]
    closest_pair: int  # where that was found
    temperatures_K: dict[str, float]  # of each element
    temperature_errors: dict[str, float]  # relative standard errors, from the number of independent samples
    repeated: float  # share of frames that stand there twice


def examine(pairs: Pairs, horizon_fs: float, cutoff_A: float, samples: float, energy: float | None = None) -> Physics:
    """Measure pairs. `samples`: how many independent ones they are, about; `energy` as `Physics` has it."""
    topology = pairs.topology
    before, after = (np.asarray(v, dtype=np.float64) for v in (pairs.velocities, pairs.new_velocities))
    motion = motion_of(sums(np.asarray(pairs.displacements, dtype=np.float64), before, after, horizon_fs))
    found = _surroundings(pairs, cutoff_A)
    speed2 = np.square(before).sum(axis=2)
    temperatures, errors = {}, {}
    for number in np.unique(topology.numbers):
        those = topology.numbers == number
        kinetic = 0.5 * KINETIC * float(np.mean(topology.masses[those] * speed2[:, those]))
        temperatures[symbol(int(number))] = kinetic / (1.5 * BOLTZMANN)
        errors[symbol(int(number))] = float(np.sqrt(2 / (3 * those.sum() * samples)))
    marks = np.ascontiguousarray(before.reshape(len(pairs), -1))
    return Physics(
        pairs=len(pairs),
        flight=motion.flight,
        correlation=motion.correlation,
        momentum=_change(topology.masses[:, None] * before, topology.masses[:, None] * after),
        angular_momentum=None if topology.periodic.any() else _turning(pairs, before, after),
        energy=energy,
        temperatures_K=temperatures,
        temperature_errors=errors,
        repeated=1 - len(np.unique(marks, axis=0)) / len(pairs),
        **found,
    )


def _change(before: NDArray, after: NDArray) -> float:
    """RMS change of a total / RMS of one atom's share; arrays (pairs, atoms, 3)."""
    change = (after - before).sum(axis=1)
    return float(np.sqrt(np.mean(change**2) / max(np.mean(before**2), np.finfo(float).tiny)))


def _turning(pairs: Pairs, before: NDArray, after: NDArray) -> float:
    masses = pairs.topology.masses[:, None]
    start = np.asarray(pairs.positions, dtype=np.float64)
    both = []
    for positions, velocities in ((start, before), (start + pairs.displacements, after)):
        center = (masses * positions).sum(axis=1, keepdims=True) / masses.sum()
        both.append(np.cross(positions - center, masses * velocities))
    return _change(*both)


def horizon_energy(frames: Frames, stride: int) -> float | None:
    """RMS change of the total energy over a horizon / that of the kinetic energy; None where the file states none."""
    if frames.energies is None or len(frames) <= stride:
        return None
    masses = frames.topology.masses
    kinetic = 0.5 * KINETIC * np.einsum("a,nax,nax->n", masses, *[frames.velocities.astype(np.float64)] * 2)
    changes = [np.sqrt(np.mean(np.square(e[stride:] - e[:-stride]))) for e in (np.asarray(frames.energies), kinetic)]
    return float(changes[0] / max(changes[1], np.finfo(float).tiny))


def independent_samples(files: int, duration_fs: float) -> float:
    """About how many: one a run, and one more for every picosecond, after which velocities have been forgotten."""
    return files + duration_fs / PS


def _surroundings(pairs: Pairs, cutoff_A: float) -> dict[str, Any]:
    """Neighbours within the cutoff over all images, and the closest two atoms."""
    from ase.data import covalent_radii

    topology, search = pairs.topology, NeighborList(cutoff=cutoff_A, full_list=True)
    radii = covalent_radii[topology.numbers]
    edges, lonely, best = 0, 0, (np.inf, np.inf, (0, 0), 0)
    with progress("neighbours", len(pairs), unit="frames") as advance:
        for number, positions in enumerate(pairs.positions):
            i, j, d = search.compute(
                points=positions.astype(np.float64), box=topology.cell, periodic=topology.periodic, quantities="ijd"
            )
            edges += len(i)
            lonely += topology.n_atoms - len(np.unique(i))
            if len(d):
                share = d / (radii[i] + radii[j])
                least = int(share.argmin())
                if share[least] < best[0]:
                    best = (float(share[least]), float(d[least]), (int(i[least]), int(j[least])), number)
            advance(1)
    atoms = len(pairs) * topology.n_atoms
    return {
        "neighbors": edges / atoms,
        "lonely": lonely / atoms,
        "closest": best[0],
        "closest_A": best[1],
        "closest_atoms": best[2],
        "closest_pair": best[3],
    }


def check_physics(found: Physics, where: str, horizon_fs: float, cutoff_A: float, accept: Sequence[str]) -> None:
    """UserError, begun with `where`, for the first check of `CHECKS` that fails and that `accept` does not name."""
    for name, message in _failures(found, horizon_fs, cutoff_A):
        if name not in accept:
            raise UserError(f"{where}: {message}. If it is meant, {accepting(name)}")


def _failures(found: Physics, horizon_fs: float, cutoff_A: float) -> list[tuple[str, str]]:
    """Names of the checks that fail, with what was found and what to do."""
    limit = {name: check.limit for name, check in CHECKS.items()}
    failures = []
    if found.repeated > limit["repeats"]:
        failures.append(
            (
                "repeats",
                f"{100 * found.repeated:.3g} % of its pairs stand there twice, allowed are none; "
                f"{CHECKS['repeats'].reason}",
            )
        )
    if found.momentum > limit["momentum"]:
        failures.append(
            (
                "momentum",
                f"the total momentum changes by {found.momentum:.2g} of an atom's over {horizon_fs:g} fs, allowed "
                f"are {limit['momentum']:g}; {CHECKS['momentum'].reason}",
            )
        )
    if found.angular_momentum is not None and found.angular_momentum > limit["momentum"]:
        failures.append(
            (
                "momentum",
                f"the total angular momentum changes by {found.angular_momentum:.2g} of an atom's over "
                f"{horizon_fs:g} fs, allowed are {limit['momentum']:g}; {CHECKS['momentum'].reason}",
            )
        )
    if found.energy is not None and found.energy > limit["energy"]:
        failures.append(
            (
                "energy",
                f"over {horizon_fs:g} fs the total energy changes by {found.energy:.2g} of what the kinetic energy "
                f"does, allowed are {limit['energy']:g}; {CHECKS['energy'].reason}",
            )
        )
    if found.neighbors < limit["neighbors"]:
        failures.append(
            (
                "neighbors",
                f"an atom has {found.neighbors:.2g} neighbours within cutoff_A {cutoff_A:g}, at least "
                f"{limit['neighbors']:g} is needed; {CHECKS['neighbors'].reason}",
            )
        )
    if found.closest < limit["distance"]:
        first, second = found.closest_atoms
        failures.append(
            (
                "distance",
                f"atoms {first} and {second} are {found.closest_A:.3g} Å apart in pair {found.closest_pair}, "
                f"{found.closest:.2g} of the sum of their covalent radii, allowed are {limit['distance']:g}; "
                f"{CHECKS['distance'].reason}",
            )
        )
    return failures + _temperature_failures(found, limit["temperature"])


def _temperature_failures(found: Physics, allowed: float) -> list[tuple[str, str]]:
    kelvin, errors = found.temperatures_K, found.temperature_errors
    if len(kelvin) < 2:
        return []
    hot, cold = max(kelvin, key=kelvin.__getitem__), min(kelvin, key=kelvin.__getitem__)
    ratio = kelvin[hot] / max(kelvin[cold], np.finfo(float).tiny)
    if np.log(ratio) <= np.log(allowed) + 4 * np.hypot(errors[hot], errors[cold]):
        return []
    return [
        (
            "temperature",
            f"{hot} is at {kelvin[hot]:.4g} K and {cold} at {kelvin[cold]:.4g} K, a factor of {ratio:.3g}, "
            f"allowed are {allowed:g}; {CHECKS['temperature'].reason}",
        )
    ]


def record(found: Mapping[str, Physics]) -> dict[str, Any]:
    """For the record of a data set: by split."""
    return {split: asdict(physics) for split, physics in found.items()}
