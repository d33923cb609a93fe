"""α-quartz against sums by hand, and its runs at constant pressure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_reference
from numpy.typing import NDArray
from scipy import constants
from vesin import NeighborList

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.io.trajectory import Trajectory
from trajcast.reference.engines._lammps import start_lammps
from trajcast.reference.engines.lammps import potential_energies
from trajcast.reference.systems import crystal

COULOMB = constants.e / (4 * np.pi * constants.epsilon_0) / constants.angstrom  # eV Å per e²
PARAMETERS = {
    "a_A": 4.9137,
    "c_A": 5.4047,
    "supercell": [2, 2, 2],
    "short_range_cutoff_A": 5.5,
    "coulomb_cutoff_A": 8.0,
}
SETTINGS = {
    "system": "crystal",
    "parameters": PARAMETERS,
    "timestep_fs": 1.0,
    "equilibration": {
        "duration_ps": 1.0,
        "damping_fs": 100.0,
        "npt": {"duration_ps": 4.0, "pressure_bar": 1.0, "damping_fs": 100.0, "bulk_modulus_GPa": 37.0},
    },
    "nve": {"interval_fs": 1.0, "duration_ps": 0.5, "start_window_K": 60.0, "start_spacing_ps": 0.02},
    "nvt": {"duration_ps": 1.0},
}


def parameters(**changes) -> crystal.Parameters:
    return crystal.Parameters(**(PARAMETERS | changes))


def settings(**changes):
    return tiny_reference.settings(**SETTINGS | {"parameters": PARAMETERS | changes})


def neighbors(spec: SystemSpec, positions: NDArray, cutoff: float) -> tuple[NDArray, NDArray, NDArray]:
    """Every pair once: atoms and distance."""
    found = NeighborList(cutoff=cutoff, full_list=False).compute(positions, spec.cell, True, "ijd")
    return tuple(np.asarray(x) for x in found)


def bks_energy(spec: SystemSpec, positions: NDArray) -> float:
    """eV: Buckingham terms less their value at the cutoff; Coulomb with force and energy shifted to zero at its own."""
    short, long = PARAMETERS["short_range_cutoff_A"], PARAMETERS["coulomb_cutoff_A"]
    charge = np.where(spec.numbers == 14, 2.4, -1.2)
    i, j, d = neighbors(spec, positions, long)
    pair = COULOMB * charge[i] * charge[j] * (1 / d - 1 / long + (d - long) / long**2)
    energy = pair.sum() - COULOMB / long * (charge**2).sum()  # the shift at distance 0 is -2/long; LAMMPS counts half
    for numbers, (a, b, c) in {22: (18003.7572, 4.87318, 133.5381), 16: (1388.7730, 2.76, 175.0)}.items():
        near = (spec.numbers[i] + spec.numbers[j] == numbers) & (d < short)
        energy += (a * np.exp(-b * d[near]) - c / d[near] ** 6).sum()
        energy -= near.sum() * (a * np.exp(-b * short) - c / short**6)
    return float(energy)


def test_energies_are_sums_over_pairs():
    spec, positions = crystal.structure(parameters(), 1)
    rng = np.random.default_rng(2)
    frames = positions + np.array([0, 0.05, 0.2])[:, None, None] * rng.normal(size=(3, 72, 3))
    expected = np.array([bks_energy(spec, frame) for frame in frames])
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(potential_energies(settings(), spec, frames), expected, rtol=1e-7)


def test_the_structure_is_alpha_quartz():
    """Four oxygens about every silicon at the distances of Kihara 1990, two silicons about every oxygen."""
    spec, positions = crystal.structure(parameters(), 1)
    assert (spec.numbers == 14).sum() * 2 == (spec.numbers == 8).sum() == 48
    i, j, d = neighbors(spec, positions, 2.0)
    assert np.all(spec.numbers[i] != spec.numbers[j])
    bonds = np.bincount(np.concatenate([i, j]))
    np.testing.assert_array_equal(bonds, np.where(spec.numbers == 14, 4, 2))
    np.testing.assert_allclose(np.sort(d)[[0, -1]], [1.605, 1.614], atol=0.002)
    volume = abs(np.linalg.det(spec.cell))
    assert spec.masses.sum() / volume * constants.atomic_mass * 1e27 == pytest.approx(2.648, abs=0.002)  # g/cm³


def test_a_supercell_has_the_energy_of_its_copies_and_lattice_vectors_do_not_matter():
    small, r = crystal.structure(parameters(), 1)
    large, r_large = crystal.structure(parameters(supercell=[4, 2, 2]), 1)
    shifts = np.random.default_rng(1).integers(-2, 3, size=r.shape) @ small.cell
    once = potential_energies(settings(), small, np.stack([r, r + shifts, r + np.array([0.3, 1.7, -9.0])]))
    np.testing.assert_allclose(once, once[0], atol=1e-7)
    assert potential_energies(settings(), large, r_large[None])[0] == pytest.approx(2 * once[0], abs=1e-6)


def test_other_elements_and_turned_cells_are_refused():
    spec, positions = crystal.structure(parameters(), 1)
    with pytest.raises(UserError, match="must be Si or O"):
        crystal.lammps_data(parameters(), replace(spec, numbers=spec.numbers + 1), positions)
    with pytest.raises(UserError, match="first vector must be along x"):
        crystal.lammps_data(parameters(), replace(spec, cell=spec.cell[[1, 0, 2]]), positions)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crystal")
    finished = tiny_reference.run(tiny_reference.settings_file(path, **SETTINGS), path, "--part", "equilibration")
    assert finished.returncode == 0, finished.stderr
    return path


def test_constant_pressure_keeps_the_cell_hexagonal(folder: Path):
    with Trajectory(folder / "npt.h5md") as trajectory:
        cells = trajectory.cells[()]
    a, b, c = np.moveaxis(cells, 1, 0)
    lengths = np.linalg.norm(cells, axis=2)
    np.testing.assert_allclose(lengths[:, 0], lengths[:, 1], rtol=1e-12)
    np.testing.assert_allclose(np.einsum("fx,fx->f", a, b), -0.5 * lengths[:, 0] ** 2, rtol=1e-10)
    assert np.abs(np.stack([a @ [0, 0, 1], c @ [1, 0, 0]])).max() == 0
    assert lengths[:, 2].std() > 1e-3


def test_the_mean_cell_of_the_second_half_is_that_of_the_other_runs(folder: Path):
    with Trajectory(folder / "npt.h5md") as npt, Trajectory(folder / "starts.h5") as starts:
        late = npt.cells[200:]
        assert len(npt) == 400
        np.testing.assert_allclose(starts.spec.cell, late.mean(axis=0), rtol=1e-12)
        with Trajectory(folder / "equilibration.h5md") as equilibration:
            fractional = npt.positions[-1] @ np.linalg.inv(npt.cells[-1])
            moved = equilibration.positions[0] - fractional @ starts.spec.cell
            assert np.abs(moved - moved.mean(axis=0)).max() < 0.2  # 10 fs of motion later


def test_cell_and_bonds_are_put_beside_the_experiments(folder: Path):
    for part in ("nvt", "literature"):
        finished = tiny_reference.run(folder / "reference.yaml", folder, "--part", part)
        assert finished.returncode == 0, finished.stderr
    a, c, bond = json.loads((folder / "literature.json").read_text(encoding="utf-8"))["comparisons"]
    with Trajectory(folder / "starts.h5") as starts:
        lengths = np.linalg.norm(starts.spec.cell, axis=1) / 2
    np.testing.assert_allclose([a["value"], c["value"]], lengths[[0, 2]], rtol=1e-4)  # mean length, length of the mean
    assert [row["published"] for row in (a, c, bond)] == [4.9137, 5.4047, 1.6095]
    assert 1.58 < bond["value"] < 1.63
    assert all(row["error"] < 0.01 for row in (a, c, bond))


def test_cells_come_to_the_same_size_from_above_and_below(tmp_path: Path, folder: Path):
    """What the barostat finds does not depend on where it begins: a 6 % larger or smaller volume."""
    lengths = []
    for name, scale in (("small", 0.98), ("large", 1.02)):
        changed = PARAMETERS | {"a_A": scale * 4.9137, "c_A": scale * 5.4047}
        finished = tiny_reference.run(
            tiny_reference.settings_file(tmp_path / name, **SETTINGS | {"parameters": changed}),
            tmp_path / name,
            "--part",
            "equilibration",
        )
        assert finished.returncode == 0, finished.stderr
        with Trajectory(tmp_path / name / "npt.h5md") as trajectory:
            blocks = trajectory.cells[200:].reshape(4, 50, 3, 3).mean(axis=1)
            lengths.append(blocks[:, (0, 2), (0, 2)])
    means, errors = np.mean(lengths, axis=1), np.std(lengths, axis=1, ddof=1) / 2
    assert errors.max() < 0.02
    assert np.all(np.abs(means[0] - means[1]) < 4 * np.hypot(*errors))


def test_cells_are_those_of_lammps_running_the_input_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    text = (folder / "npt.in").read_text(encoding="utf-8")
    assert "\nrun 4000 every 10 " in text
    lammps = start_lammps()
    lammps.commands_string(text.replace("\nrun 4000 every", "\nrun 100 every"))
    low, high, xy, *_ = lammps.extract_box()
    lammps.close()
    with Trajectory(folder / "npt.h5md") as trajectory:
        cell = trajectory.cells[10]  # a frame is taken before the cell is rescaled
        assert not np.allclose(cell, trajectory.cells[0], rtol=1e-5)
    np.testing.assert_allclose([*np.subtract(high, low), xy], [*np.diag(cell), cell[1, 0]], rtol=1e-9)


def test_a_pressure_shrinks_the_cell_by_its_compressibility(tmp_path: Path, folder: Path):
    """10 GPa on quartz of about 37 GPa bulk modulus, which stiffens: between 10 and 30 % of the volume."""
    volumes = []
    for path, pressure_bar in ((folder, 1.0), (tmp_path, 1.0e5)):
        if path is tmp_path:
            npt = SETTINGS["equilibration"] | {"npt": SETTINGS["equilibration"]["npt"] | {"pressure_bar": pressure_bar}}
            finished = tiny_reference.run(
                tiny_reference.settings_file(path, **SETTINGS | {"equilibration": npt}), path, "--part", "equilibration"
            )
            assert finished.returncode == 0, finished.stderr
        with Trajectory(path / "starts.h5") as starts:
            volumes.append(abs(np.linalg.det(starts.spec.cell)))
    assert 0.7 < volumes[1] / volumes[0] < 0.9
