"""Physical properties of each split of a data set, stored in its provenance and shown in the report.

`trajcast.data.limits` refuses values beyond a limit unless `accept` names the check.
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

BONDED = 1.3  # relative to the sum of covalent radii
MOST_PAIRS, FEWEST_PAIRS = 200, 5  # from which bond lengths are measured


@dataclass(frozen=True, kw_only=True)
class Physics:
    """Measured properties of one split or one file of pairs."""

    pairs: int
    flight: float  # RMS displacement / (RMS velocity × horizon)
    correlation: float  # of displacements with the mean velocity of both ends
    momentum: float  # RMS change of the total momentum over a horizon / RMS momentum of an atom
    angular_momentum: float | None  # likewise, about the centre of mass; None if periodic
    center: float  # RMS of Σ m (Δr − v̄ horizon) / (√atoms × RMS of an atom's m v horizon)
    rigid: float | None  # smallest relative fluctuation of a bond length; None without bonds
    energy: float | None  # RMS change of the total energy over a horizon / that of the kinetic energy; None if unknown
    closest: float | None  # smallest distance / sum of covalent radii; None beyond 2.6 times the largest radius
    closest_A: float | None
    closest_atoms: tuple[int, int]
    closest_frame: int  # in its source
    closest_source: int
    temperatures_K: dict[str, float]  # by element
    temperature_errors: dict[str, float]  # relative standard errors, from the number of independent samples
    repeated: float  # fraction of duplicated frames


def examine(pairs: Pairs, horizon_fs: float, samples: float, energy: float | None = None) -> Physics:
    """Measure the physical properties of pairs.

    Args:
        samples: Approximate number of independent samples.
        energy: Value for `Physics.energy`, which pairs do not contain.
    """
    spec = pairs.spec
    before, after = (np.asarray(v, dtype=np.float64) for v in (pairs.velocities, pairs.new_velocities))
    motion = motion_of(sums(np.asarray(pairs.displacements, dtype=np.float64), before, after, horizon_fs))
    closest = _closest(pairs)
    speed2 = np.square(before).sum(axis=2)
    temperatures, errors = {}, {}
    for number in np.unique(spec.numbers):
        atoms = spec.numbers == number
        kinetic = 0.5 * KINETIC * float(np.mean(spec.masses[atoms] * speed2[:, atoms]))
        temperatures[symbol(int(number))] = kinetic / (1.5 * BOLTZMANN)
        errors[symbol(int(number))] = float(np.sqrt(2 / (3 * atoms.sum() * samples)))
    return Physics(
        pairs=len(pairs),
        flight=motion.flight,
        correlation=motion.correlation,
        momentum=_change(spec.masses[:, None] * before, spec.masses[:, None] * after),
        angular_momentum=None if spec.pbc.any() else _angular_momentum_change(pairs, before, after),
        center=_center(pairs, before, after, horizon_fs),
        rigid=_bond_fluctuation(pairs),
        energy=energy,
        temperatures_K=temperatures,
        temperature_errors=errors,
        repeated=1 - len({digest(velocities) for velocities in before}) / len(pairs),
        **closest,
    )


def _change(before: NDArray, after: NDArray) -> float:
    """RMS change of a total / RMS of one atom's contribution; arrays (pairs, atoms, 3)."""
    change = (after - before).sum(axis=1)
    return float(np.sqrt(np.mean(change**2) / max(np.mean(before**2), np.finfo(float).tiny)))


def _center(pairs: Pairs, before: NDArray, after: NDArray, horizon_fs: float) -> float:
    """Deviation of the centre of mass from uniform motion, which is exact at any horizon, in an atom's typical step."""
    masses = pairs.spec.masses[:, None]
    off = (masses * (pairs.displacements - 0.5 * (before + after) * horizon_fs)).sum(axis=1)
    scale = np.mean(np.square(masses * before * horizon_fs)) * pairs.spec.n_atoms
    return float(np.sqrt(np.mean(off**2) / max(scale, np.finfo(float).tiny)))


def _bond_fluctuation(pairs: Pairs) -> float | None:
    """Smallest relative fluctuation of bond lengths over all pairs of elements; None without bonds or samples.

    Bonds are identified in the first sample.
    """
    from ase.data import covalent_radii

    spec, positions = pairs.spec, np.asarray(pairs.positions[:MOST_PAIRS], dtype=np.float64)
    if len(positions) < FEWEST_PAIRS:
        return None
    radii = covalent_radii[spec.numbers]
    i, j, d = NeighborList(cutoff=float(2 * BONDED * radii.max()), full_list=False).compute(
        points=positions[0], box=spec.cell, periodic=spec.pbc, quantities="ijd"
    )
    bonded = d < BONDED * (radii[i] + radii[j])
    i, j = i[bonded], j[bonded]
    vectors = positions[:, j] - positions[:, i]
    vectors -= np.round(vectors @ np.linalg.pinv(spec.cell)) * spec.pbc @ spec.cell  # runs may differ in images
    lengths = np.linalg.norm(vectors, axis=2)
    kinds = np.sort(spec.numbers[np.stack([i, j])], axis=0)
    spreads = [
        float(np.sqrt(lengths[:, bonds].var(axis=0).mean()) / lengths[:, bonds].mean())
        for kind in np.unique(kinds, axis=1).T
        if (bonds := (kinds == kind[:, None]).all(axis=0)).any()
    ]
    return min(spreads, default=None)


def _angular_momentum_change(pairs: Pairs, before: NDArray, after: NDArray) -> float:
    """`_change` of the angular momentum about the centre of mass."""
    masses = pairs.spec.masses[:, None]
    start = np.asarray(pairs.positions, dtype=np.float64)
    angular_momenta = []
    for positions, velocities in ((start, before), (start + pairs.displacements, after)):
        center = (masses * positions).sum(axis=1, keepdims=True) / masses.sum()
        angular_momenta.append(np.cross(positions - center, masses * velocities))
    return _change(*angular_momenta)


def horizon_energy(frames: Frames, stride: int) -> float | None:
    """RMS change of the total energy over a horizon / that of the kinetic energy; None if the file has no energies."""
    if frames.energies is None or len(frames) <= stride:
        return None
    masses = frames.spec.masses
    kinetic = 0.5 * KINETIC * np.einsum("a,nax,nax->n", masses, *[frames.velocities.astype(np.float64)] * 2)
    changes = [np.sqrt(np.mean(np.square(e[stride:] - e[:-stride]))) for e in (np.asarray(frames.energies), kinetic)]
    return float(changes[0] / max(changes[1], np.finfo(float).tiny))


def independent_samples(files: int, duration_fs: float) -> float:
    """Approximate number of independent samples: one per run, plus one per picosecond, when velocities decorrelate."""
    return files + duration_fs / PS


def _closest(pairs: Pairs) -> dict[str, Any]:
    """The closest two atoms, relative to the sum of their covalent radii, over all samples and periodic images."""
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
                relative = d / (radii[i] + radii[j])
                if relative.min() < least:
                    least, edge = float(relative.min()), int(relative.argmin())
                    best = {
                        "closest": least,
                        "closest_A": float(d[edge]),
                        "closest_atoms": (int(i[edge]), int(j[edge])),
                        "closest_frame": int(pairs.frames[number]),
                        "closest_source": int(pairs.sources[number]),
                    }
            advance(1)
    return best


def record(by_split: Mapping[str, Physics]) -> dict[str, Any]:
    """Physics of each split for the provenance of a data set."""
    return {split: asdict(physics) for split, physics in by_split.items()}
