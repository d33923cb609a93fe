"""Physics of a data set: numbers of every split, which go into its record and onto the page.

What lies beyond a limit is refused (`trajcast.data.limits`), unless `accept` names the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

from trajcast.core.elements import symbol
from trajcast.core.units import BOLTZMANN, KINETIC, PS
from trajcast.data.dataset import Pairs
from trajcast.data.motion import digest, motion_of, sums
from trajcast.io.frames import Frames
from trajcast.io.progress import progress

BONDED = 1.3  # of the sum of two covalent radii
BONDS_IN, FEWEST = 200, 5  # pairs whose bonds are looked at, at most and at least


@dataclass(frozen=True, kw_only=True)
class Physics:
    """What one split, or one file of pairs, was found to be."""

    pairs: int
    flight: float  # RMS displacement / (RMS velocity × horizon)
    correlation: float  # of displacements with the mean velocities at both ends
    momentum: float  # RMS change of the total over a horizon / RMS momentum of an atom
    angular_momentum: float | None  # the same about the centre of mass; None for what is periodic
    center: float  # RMS of Σ m (Δr − v̄ horizon) / (√atoms × RMS of an atom's m v horizon)
    rigid: float | None  # smallest relative spread of a bond's length; None without bonds
    energy: float | None  # RMS change of the total over a horizon / that of the kinetic energy; None where not stated
    closest: float | None  # smallest distance / sum of the covalent radii; None: no two atoms are within `BONDED`
    closest_A: float | None
    closest_atoms: tuple[int, int]
    closest_frame: int  # of the source
    closest_source: int
    temperatures_K: dict[str, float]  # of each element
    temperature_errors: dict[str, float]  # relative standard errors, from the number of independent samples
    repeated: float  # share of frames that stand there twice


def examine(pairs: Pairs, horizon_fs: float, samples: float, energy: float | None = None) -> Physics:
    """Measure pairs. `samples`: how many independent ones they are, about; `energy` as `Physics` has it."""
    spec = pairs.spec
    before, after = (np.asarray(v, dtype=np.float64) for v in (pairs.velocities, pairs.new_velocities))
    motion = motion_of(sums(np.asarray(pairs.displacements, dtype=np.float64), before, after, horizon_fs))
    found = _closest(pairs)
    speed2 = np.square(before).sum(axis=2)
    temperatures, errors = {}, {}
    for number in np.unique(spec.numbers):
        those = spec.numbers == number
        kinetic = 0.5 * KINETIC * float(np.mean(spec.masses[those] * speed2[:, those]))
        temperatures[symbol(int(number))] = kinetic / (1.5 * BOLTZMANN)
        errors[symbol(int(number))] = float(np.sqrt(2 / (3 * those.sum() * samples)))
    return Physics(
        pairs=len(pairs),
        flight=motion.flight,
        correlation=motion.correlation,
        momentum=_change(spec.masses[:, None] * before, spec.masses[:, None] * after),
        angular_momentum=None if spec.pbc.any() else _turning(pairs, before, after),
        center=_center(pairs, before, after, horizon_fs),
        rigid=_softest(pairs),
        energy=energy,
        temperatures_K=temperatures,
        temperature_errors=errors,
        repeated=1 - len({digest(velocities) for velocities in before}) / len(pairs),
        **found,
    )


def _change(before: NDArray, after: NDArray) -> float:
    """RMS change of a total / RMS of one atom's share; arrays (pairs, atoms, 3)."""
    change = (after - before).sum(axis=1)
    return float(np.sqrt(np.mean(change**2) / max(np.mean(before**2), np.finfo(float).tiny)))


def _center(pairs: Pairs, before: NDArray, after: NDArray, horizon_fs: float) -> float:
    """How far the centre of mass is from where a constant total momentum takes it, exactly and at any horizon."""
    masses = pairs.spec.masses[:, None]
    off = (masses * (pairs.displacements - 0.5 * (before + after) * horizon_fs)).sum(axis=1)
    scale = np.mean(np.square(masses * before * horizon_fs)) * pairs.spec.n_atoms
    return float(np.sqrt(np.mean(off**2) / max(scale, np.finfo(float).tiny)))


def _softest(pairs: Pairs) -> float | None:
    """The smallest relative spread of the lengths of bonds between two elements; None without bonds or samples.

    Bonds are those of the first pair.
    """
    from ase.data import covalent_radii

    spec, some = pairs.spec, np.asarray(pairs.positions[:BONDS_IN], dtype=np.float64)
    if len(some) < FEWEST:
        return None
    radii = covalent_radii[spec.numbers]
    i, j, d = NeighborList(cutoff=float(2 * BONDED * radii.max()), full_list=False).compute(
        points=some[0], box=spec.cell, periodic=spec.pbc, quantities="ijd"
    )
    bonded = d < BONDED * (radii[i] + radii[j])
    i, j = i[bonded], j[bonded]
    apart = some[:, j] - some[:, i]
    apart -= np.round(apart @ np.linalg.pinv(spec.cell)) * spec.pbc @ spec.cell  # runs in other images
    lengths = np.linalg.norm(apart, axis=2)
    kinds = np.sort(spec.numbers[np.stack([i, j])], axis=0)
    spreads = [
        float(np.sqrt(lengths[:, own].var(axis=0).mean()) / lengths[:, own].mean())
        for kind in np.unique(kinds, axis=1).T
        if (own := (kinds == kind[:, None]).all(axis=0)).any()
    ]
    return min(spreads, default=None)


def _turning(pairs: Pairs, before: NDArray, after: NDArray) -> float:
    masses = pairs.spec.masses[:, None]
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
    masses = frames.spec.masses
    kinetic = 0.5 * KINETIC * np.einsum("a,nax,nax->n", masses, *[frames.velocities.astype(np.float64)] * 2)
    changes = [np.sqrt(np.mean(np.square(e[stride:] - e[:-stride]))) for e in (np.asarray(frames.energies), kinetic)]
    return float(changes[0] / max(changes[1], np.finfo(float).tiny))


def independent_samples(files: int, duration_fs: float) -> float:
    """About how many: one a run, and one more for every picosecond, after which velocities have been forgotten."""
    return files + duration_fs / PS


def _closest(pairs: Pairs) -> dict[str, Any]:
    """The two atoms that are closest, in units of the sum of their covalent radii, over all images."""
    from ase.data import covalent_radii

    spec, radii = pairs.spec, covalent_radii[pairs.spec.numbers]
    search, least = NeighborList(cutoff=float(2 * BONDED * radii.max()), full_list=False), np.inf
    best: dict[str, Any] = dict.fromkeys(("closest", "closest_A"))
    best |= {"closest_atoms": (0, 0), "closest_frame": 0, "closest_source": 0}
    with progress("closest atoms", len(pairs), unit="frames") as advance:
        for number, positions in enumerate(pairs.positions):
            i, j, d = search.compute(
                points=positions.astype(np.float64), box=spec.cell, periodic=spec.pbc, quantities="ijd"
            )
            if len(d):
                share = d / (radii[i] + radii[j])
                if share.min() < least:
                    least, edge = float(share.min()), int(share.argmin())
                    best = {
                        "closest": least,
                        "closest_A": float(d[edge]),
                        "closest_atoms": (int(i[edge]), int(j[edge])),
                        "closest_frame": int(pairs.frames[number]),
                        "closest_source": int(pairs.sources[number]),
                    }
            advance(1)
    return best


def record(found: Mapping[str, Physics]) -> dict[str, Any]:
    """For the record of a data set: by split."""
    return {split: asdict(physics) for split, physics in found.items()}
