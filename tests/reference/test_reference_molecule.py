"""Paracetamol against sums by hand over Moltemplate's files, and its runs."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import tiny_reference
import yaml
from numpy.typing import NDArray
from scipy import constants

from trajcast.core.errors import UserError
from trajcast.core.mechanics import angular_momentum, degrees_of_freedom, momentum
from trajcast.io.trajectory import Trajectory
from trajcast.observables.blocks import correlated_mean_error
from trajcast.observables.temperature_series import temperature_series
from trajcast.reference.engines.lammps import potential_energies, relaxed
from trajcast.reference.systems import molecule

KCAL = constants.calorie * 1000 / constants.N_A / constants.e
COULOMB = 332.06371  # kcal/mol Å per e², LAMMPS' value in real units
SETTINGS = {
    "system": "molecule",
    "equilibration": {"duration_ps": 10.0, "damping_fs": 5.0, "chain_length": 10},
    "nve": {"duration_ps": 1.0, "start_window_K": None, "start_window_percent": 1.0},
    "nvt": {"duration_ps": 100.0, "interval_fs": 2.0},
}
SPEC, POSITIONS = molecule.structure(molecule.Parameters(), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("molecule")
    finished = tiny_reference.run(tiny_reference.settings_file(path, **SETTINGS), path)
    assert finished.returncode == 0, finished.stderr
    return path


def section(title: str) -> list[list[int]]:
    """Rows of bonded atoms in the data file: type, then atoms counted from 0."""
    lines = (molecule.FILES / "molecule.data").read_text(encoding="utf-8").splitlines()
    start = lines.index(title) + 2
    rows = []
    for line in lines[start:]:
        if not line.strip():
            break
        kind, *atoms = map(int, line.split()[1:])
        rows.append([kind, *(atom - 1 for atom in atoms)])
    return rows


def coefficients(command: str) -> dict[int, list[float]]:
    lines = (molecule.FILES / "opls_aa.in").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line.startswith(command)]
    return {int(row[1]): [float(x) for x in row[(3 if command == "pair_coeff" else 2) :]] for row in rows}


def dihedral(r: NDArray, i: int, j: int, k: int, l: int) -> float:
    """IUPAC: 0 for cis."""
    b1, b2, b3 = r[j] - r[i], r[k] - r[j], r[l] - r[k]
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    return float(np.arctan2(np.dot(np.cross(n1, n2), b2 / np.linalg.norm(b2)), n1 @ n2))


def opls_energy(r: NDArray) -> float:
    """eV, from the files alone: harmonic bonds and angles, cosines, and pairs from the fourth neighbour on."""
    energy = 0.0
    for kind, i, j in section("Bonds"):
        k, length = coefficients("bond_coeff")[kind]
        energy += k * (np.linalg.norm(r[i] - r[j]) - length) ** 2
    for kind, i, j, k in section("Angles"):
        strength, degrees = coefficients("angle_coeff")[kind]
        a, b = r[i] - r[j], r[k] - r[j]
        angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        energy += strength * (angle - np.deg2rad(degrees)) ** 2
    for kind, *atoms in section("Dihedrals"):
        phi = dihedral(r, *atoms)
        for n, strength in enumerate(coefficients("dihedral_coeff")[kind], 1):
            energy += 0.5 * strength * (1 - (-1) ** n * np.cos(n * phi))
    for kind, *atoms in section("Impropers"):
        strength, sign, n = coefficients("improper_coeff")[kind]
        energy += strength * (1 + sign * np.cos(n * dihedral(r, *atoms)))
    return KCAL * (energy + pair_energy(r))


def pair_energy(r: NDArray) -> float:
    lines = (molecule.FILES / "opls_aa.in").read_text(encoding="utf-8").splitlines()
    charges = {int(line.split()[2]): float(line.split()[4]) for line in lines if line.startswith("set type")}
    types = [int(row[2]) for row in molecule._rows(molecule._data_file(), "Atoms")]
    bonded = np.zeros((20, 20))
    for _, i, j in section("Bonds"):
        bonded[i, j] = bonded[j, i] = 1
    steps = [np.linalg.matrix_power(bonded, n) > 0 for n in (1, 2, 3)]
    energy = 0.0
    for i, j in combinations(range(20), 2):
        if steps[0][i, j] or steps[1][i, j]:
            continue
        (e1, s1), (e2, s2) = (coefficients("pair_coeff")[types[a]] for a in (i, j))
        distance = np.linalg.norm(r[i] - r[j])
        x6 = (np.sqrt(s1 * s2) / distance) ** 6
        pair = 4 * np.sqrt(e1 * e2) * (x6**2 - x6) + COULOMB * charges[types[i]] * charges[types[j]] / distance
        energy += 0.5 * pair if steps[2][i, j] else pair
    return energy


def settings():
    return tiny_reference.settings(**SETTINGS)


def test_energies_are_those_of_the_files():
    rng = np.random.default_rng(3)
    frames = POSITIONS + np.array([0, 0.02, 0.1, 0.2])[:, None, None] * rng.normal(size=(4, 20, 3))
    expected = [opls_energy(frame) for frame in frames]
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(potential_energies(settings(), SPEC, frames), expected, atol=2e-6)


def test_energy_knows_nothing_of_place_and_direction():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    frames = np.stack([POSITIONS, POSITIONS @ turn + np.array([100.0, -3.0, 0.4])])
    assert np.ptp(potential_energies(settings(), SPEC, frames)) < 1e-8


def test_the_molecule_is_paracetamol():
    numbers = SPEC.numbers
    assert sorted(numbers.tolist()) == [1] * 9 + [6] * 8 + [7] + [8] * 2
    assert SPEC.masses.sum() == pytest.approx(151.165, abs=0.01)  # u
    lengths = [np.linalg.norm(POSITIONS[i] - POSITIONS[j]) for _, i, j in section("Bonds")]
    assert 0.9 < min(lengths) < max(lengths) < 1.6


def test_other_atoms_are_refused():
    other = replace(SPEC, numbers=SPEC.numbers[::-1])
    with pytest.raises(UserError, match="one paracetamol"):
        molecule.lammps_data(molecule.Parameters(), other, POSITIONS)


def test_54_degrees_of_freedom_at_300_K(folder: Path):
    """All atoms and every element: equipartition holds only with the degrees of freedom that are there."""
    with Trajectory(folder / "nvt.h5md") as trajectory:
        assert int(degrees_of_freedom(trajectory.state(-1))[0]) == 54
        series = temperature_series(trajectory)
    assert list(series) == ["all atoms", "O", "N", "C", "H"]
    for name, kelvin in series.items():
        error = correlated_mean_error(kelvin)
        assert error < 30, name
        assert abs(kelvin.mean() - 300) < 4 * error, name
    rows = json.loads((folder / "health.json").read_text(encoding="utf-8"))["runs"]
    assert [row["degrees_of_freedom"] for row in rows] == [54] * 6
    assert all(row["passed"] for row in rows)


def test_a_dihedral_is_held_and_its_energy_not_counted():
    positions, lowest = relaxed(settings(), SPEC, POSITIONS)
    assert lowest == pytest.approx(opls_energy(positions), abs=2e-6)
    for angle in (165.0, 120.0, -90.0):
        bent, energy = relaxed(settings(), SPEC, positions, (molecule.AMIDE, angle))
        assert np.degrees(dihedral(bent, *molecule.AMIDE)) == pytest.approx(angle, abs=1.5)
        assert energy == pytest.approx(opls_energy(bent), abs=2e-6)
        assert energy > lowest


def test_the_shipped_dihedrals_turn_about_other_bonds_than_the_amides():
    values = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
    dihedrals = values["systems"]["molecule"]["observables"]["dihedrals"]
    assert [SPEC.numbers[atoms].tolist() for atoms in dihedrals.values()] == [[6, 6, 8, 1], [6, 6, 7, 6]]
    bonds = [set(row[1:]) for row in section("Bonds")]
    for name, (i, j, k, l) in dihedrals.items():
        assert all(bond in bonds for bond in ({i, j}, {j, k}, {k, l})), name
        assert {j, k} != set(molecule.AMIDE[1:3]), name


def test_the_molecule_is_planar_with_an_amides_barrier(folder: Path):
    plane, barrier = json.loads((folder / "literature.json").read_text(encoding="utf-8"))["comparisons"]
    assert plane["value"] < 0.01
    assert barrier["unit"] == "kcal/mol"
    assert abs(barrier["value"] - barrier["published"]) < barrier["published_error"]


def test_neither_momentum_nor_angular_momentum(folder: Path):
    for run in ("nve_1", "nve_5", "nvt"):
        with Trajectory(folder / f"{run}.h5md") as trajectory:
            for frame in (0, -1):
                state = trajectory.state(frame)
                assert float(momentum(state).norm()) < 1e-6  # of single precision: typical ones are 1 u Å/fs
                assert float(angular_momentum(state).norm()) < 1e-5


def test_runs_start_near_the_mean_energy(folder: Path):
    with Trajectory(folder / "equilibration.h5md") as trajectory:
        total, late = trajectory.energy("total"), trajectory.times >= 5000
        mean = total[late].mean()
        assert total[late].std() > 5 * 0.01 * abs(mean)
    for run in range(1, 6):
        with Trajectory(folder / f"nve_{run}.h5md") as trajectory:
            # velocity Verlet's error at the O–H stretch, (ω δt)²/8 of its energy, comes on top
            assert abs(trajectory.energy("total").mean() - mean) < 0.012 * abs(mean)
