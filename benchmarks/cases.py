"""The benchmark systems: paracetamol, quartz and water as in the paper, and supercells of the periodic ones.

Structures are built from published geometries and fixed seeds, without files or other programs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from trajcast.core.geometry import replicate
from trajcast.core.mechanics import thermal_velocities
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec

TEMPERATURE_K = 300.0
VIBRATION_A = 0.05  # standard deviation of each coordinate about the ideal structure

# Paracetamol (acetaminophen, C8H9NO2), Å: RDKit's embedding of CC(=O)Nc1ccc(O)cc1 (seed 11), relaxed with MMFF94
PARACETAMOL = (
    (6, 3.70038, 0.08771, -0.26376),
    (6, 2.29662, 0.63673, -0.19836),
    (8, 2.09560, 1.84545, -0.22869),
    (7, 1.34954, -0.36400, -0.07728),
    (6, -0.04989, -0.21631, 0.01378),
    (6, -0.80909, -1.38776, 0.14186),
    (6, -2.20164, -1.32709, 0.23707),
    (6, -2.83889, -0.09486, 0.20413),
    (8, -4.19796, -0.07772, 0.29981),
    (6, -2.10497, 1.07803, 0.07711),
    (6, -0.70981, 1.01484, -0.01819),
    (1, 4.35194, 0.81461, -0.75732),
    (1, 4.06451, -0.09691, 0.75024),
    (1, 3.73108, -0.84085, -0.84109),
    (1, 1.69483, -1.31467, -0.04163),
    (1, -0.33199, -2.36350, 0.16990),
    (1, -2.78524, -2.23778, 0.33647),
    (1, -4.49772, 0.84569, 0.26362),
    (1, -2.59019, 2.04865, 0.04965),
    (1, -0.16711, 1.94974, -0.11732),
)

# α-quartz at 298 K, P3₂21, Kihara 1990, doi:10.1127/ejm/2/1/0063: cell (Å), Si on 3a (u, 0, 2/3), O on 6c
QUARTZ_A, QUARTZ_C = 4.9137, 5.4047
SILICON = (0.4697, 0.0, 2 / 3)
OXYGEN = (0.4133, 0.2672, 0.1188 + 2 / 3)

# Flexible SPC water, Wu, Tepper & Voth 2006, doi:10.1063/1.2136877; the paper's box of 64 molecules
BOX_A, PER_SIDE = 12.4172, 4
BOND_A, ANGLE_DEG = 1.012, 113.24
TURNS = 60  # trial orientations of each molecule

MASSES = {1: 1.008, 6: 12.011, 7: 14.007, 8: 15.999, 14: 28.085}  # u


@dataclass(frozen=True, kw_only=True)
class Case:
    """A system at one size: `copies` of its cell along each cell vector."""

    name: str
    system: str
    copies: tuple[int, int, int]
    cutoff: float  # Å
    horizon_fs: float
    tau_horizons: float  # time constant of the thermostat, in horizons
    batch: int  # systems per training step


_MOLECULE = {"system": "molecule", "cutoff": 4.0, "horizon_fs": 7.0, "tau_horizons": 10.0, "batch": 10}
_CRYSTAL = {"system": "crystal", "cutoff": 4.5, "horizon_fs": 30.0, "tau_horizons": 2.5, "batch": 2}
_LIQUID = {"system": "liquid", "cutoff": 6.0, "horizon_fs": 5.0, "tau_horizons": 10.0, "batch": 2}


def _case(name: str, settings: dict, *copies: int) -> Case:
    return Case(name=name, copies=(copies[0], copies[1], copies[2]), **settings)


CASES = {
    case.name: case
    for case in (
        _case("molecule-20", _MOLECULE, 1, 1, 1),
        _case("crystal-162", _CRYSTAL, 3, 3, 2),
        _case("crystal-1296", _CRYSTAL, 6, 6, 4),
        _case("crystal-4374", _CRYSTAL, 9, 9, 6),
        _case("liquid-192", _LIQUID, 1, 1, 1),
        _case("liquid-1536", _LIQUID, 2, 2, 2),
        _case("liquid-5184", _LIQUID, 3, 3, 3),
    )
}
"""All cases by name, sorted by size within each system."""


def state(case: Case, sample: int = 0) -> State:
    """A state at 300 K with atoms displaced slightly from the ideal structure; `sample` seeds the noise."""
    spec, ideal = replicate(*_STRUCTURES[case.system](), case.copies)
    rng = torch.Generator().manual_seed(sample)
    positions = ideal + VIBRATION_A * torch.randn(ideal.shape, generator=rng, dtype=ideal.dtype)
    at_rest = spec.state(positions.numpy(), np.zeros(positions.shape))
    return thermal_velocities(at_rest, TEMPERATURE_K, rng)


def _molecule() -> tuple[SystemSpec, torch.Tensor]:
    table = np.array(PARACETAMOL)
    return _spec(table[:, 0], np.zeros((3, 3)), pbc=False), torch.as_tensor(table[:, 1:])


def _crystal() -> tuple[SystemSpec, torch.Tensor]:
    a, c = QUARTZ_A, QUARTZ_C
    cell = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])
    silicon = _equivalent(*SILICON)[:3]  # on a twofold axis: the other three coincide with these
    oxygen = _equivalent(*OXYGEN)
    numbers = np.repeat([14, 8], [len(silicon), len(oxygen)])
    return _spec(numbers, cell, pbc=True), torch.as_tensor(np.concatenate([silicon, oxygen]) @ cell)


def _equivalent(x: float, y: float, z: float) -> NDArray[np.float64]:
    """General positions of P3₂21 (No. 154)."""
    return np.array(
        [
            (x, y, z),
            (-y, x - y, z + 2 / 3),
            (y - x, -x, z + 1 / 3),
            (y, x, -z),
            (x - y, -y, -z + 1 / 3),
            (-x, y - x, -z + 2 / 3),
        ]
    )


def _liquid() -> tuple[SystemSpec, torch.Tensor]:
    """Molecules on a cubic grid, each with the trial orientation farthest from the molecules before it."""
    rng = np.random.default_rng(0)
    angle = np.deg2rad(ANGLE_DEG)
    molecule = BOND_A * np.array([[0, 0, 0], [1, 0, 0], [np.cos(angle), np.sin(angle), 0]])
    sites = np.stack(np.unravel_index(np.arange(PER_SIDE**3), (PER_SIDE,) * 3), axis=1) * BOX_A / PER_SIDE
    placed = np.zeros((0, 3))
    for site in sites:
        rotations = Rotation.from_quat(rng.normal(size=(TURNS, 4))).as_matrix()
        turned = site + np.einsum("txy,ay->tax", rotations, molecule)
        placed = np.concatenate([placed, turned[_closest(turned, placed).argmax()]])
    return _spec(np.tile([8, 1, 1], len(sites)), BOX_A * np.eye(3), pbc=True), torch.as_tensor(placed)


def _closest(turned: NDArray[np.float64], placed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest distance (Å) of each `turned` molecule, shape (turns, 3, 3), to `placed` atoms and their images."""
    between = turned[:, :, None] - placed
    between -= BOX_A * np.round(between / BOX_A)
    return np.linalg.norm(between, axis=-1).min(axis=(1, 2), initial=BOX_A)


def _spec(numbers: NDArray, cell: NDArray[np.float64], *, pbc: bool) -> SystemSpec:
    return SystemSpec(
        numbers=numbers.astype(np.int64),
        masses=np.array([MASSES[int(z)] for z in numbers]),
        cell=cell,
        pbc=np.full(3, pbc),
    )


_STRUCTURES = {"molecule": _molecule, "crystal": _crystal, "liquid": _liquid}
