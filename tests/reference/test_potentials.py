"""LAMMPS integrates with forces of machine-learned potentials and of quantum chemistry."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import tiny_reference
from ase.build import bulk, molecule
from calculator_runs import begin, direct, evaluated, record, reference

from trajcast.config.schema import ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.core.plugins import named_module
from trajcast.reference import potentials
from trajcast.reference.engines import MdRun
from trajcast.reference.engines._external import ExternalForces
from trajcast.reference.engines._weights import weights_sha256
from trajcast.reference.engines.lammps import potential_energies

LIBRARY = {"sevennet-0": "sevenn", "chgnet": "chgnet", "gfn2-xtb": "tblite"}
CRYSTALS = ["sevennet-0", "chgnet", "gfn2-xtb"]
SINGLE = {"sevennet-0", "chgnet"}  # precision


def installed(names: list[str]) -> list[Any]:
    """The potentials as parameters of a test; those whose library is missing are skipped, with the reason."""
    return [
        pytest.param(
            name,
            marks=[
                pytest.mark.mlip,
                pytest.mark.skipif(find_spec(LIBRARY[name]) is None, reason=f"{LIBRARY[name]} is not installed"),
            ],
        )
        for name in names
    ]


def with_potential(structure: Path, potential: str, timestep_fs: float = 1.0) -> ReferenceSettings:
    return reference(structure, timestep_fs, {"potential": potential, "device": "cpu"})


@pytest.fixture(scope="module")
def silicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight atoms off their sites in a cell without right angles."""
    path = tmp_path_factory.mktemp("structures") / "silicon.extxyz"
    atoms = bulk("Si", "diamond", a=5.43, cubic=True)
    atoms.set_cell(atoms.cell.array @ [[1.02, 0.0, 0.0], [0.06, 0.98, 0.0], [-0.04, 0.05, 1.01]], scale_atoms=True)
    atoms.rattle(0.06, seed=1)
    ase.io.write(path, atoms)
    return path


@pytest.mark.parametrize("potential", installed(CRYSTALS))
def test_lammps_has_the_calculators_forces_and_energy(potential: str, silicon: Path, tmp_path: Path):
    settings = with_potential(silicon, potential)
    energy, forces, _ = evaluated(settings, tmp_path)
    atoms = direct(settings)
    rounding = 1e-5 if potential in SINGLE else 1e-7  # of positions: LAMMPS reads them as text, shifts the box
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=8 * rounding)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=10 * rounding)
    assert np.abs(forces).max() > 0.3


@pytest.mark.parametrize("potential", installed(CRYSTALS))
def test_virial_is_the_slope_of_the_energy_with_every_strain(potential: str, silicon: Path, tmp_path: Path):
    """P = −(1/V) dE/dε in all six components, from energies of strained cells."""
    settings = with_potential(silicon, potential)
    _, _, pressure_bar = evaluated(settings, tmp_path)
    strain = 4e-3 if potential in SINGLE else 1e-4  # xTB: the sums over images have small steps further out
    atoms, slopes = direct(settings), []
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        energies = []
        for factor in (-2, -1, 1, 2):
            change = np.eye(3)
            change[a, b] += factor * strain / 2
            change[b, a] += factor * strain / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ change, scale_atoms=True)
            strained.calc = atoms.calc
            energies.append(strained.get_potential_energy())
        slopes.append((energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * strain))
    expected = -np.array(slopes) / atoms.get_volume() / ase.units.bar
    rounding_eV = 5e-6 if potential in SINGLE else 1e-7  # of an energy
    allowed = 2 * rounding_eV / strain / atoms.get_volume() / ase.units.bar
    np.testing.assert_allclose(pressure_bar, expected, rtol=2e-3, atol=max(allowed, 5.0))
    assert np.abs(expected).max() > 50 * max(allowed, 5.0)


@pytest.mark.parametrize("potential", installed(CRYSTALS))
def test_energy_is_conserved(potential: str, silicon: Path, tmp_path: Path):
    """50 fs at constant energy: that of the whole moves by a fraction of what kinetic and potential energy exchange."""
    run = MdRun(name="nve", ensemble="NVE", steps=50, every=1)
    with record(tmp_path / "nve.h5md", with_potential(silicon, potential), run) as trajectory:
        total, potential_eV = trajectory.energy("total"), trajectory.energy("potential")
        assert total is not None
        assert potential_eV is not None
        assert np.ptp(total) < 0.01 * np.ptp(potential_eV)
        assert np.ptp(potential_eV) > 0.05
        assert trajectory.provenance["speed"]["device"] == "cpu"
        assert trajectory.provenance["weights"] == weights_sha256(potentials.calculator(potential, "cpu"))
        again = potential_energies(with_potential(silicon, potential), trajectory.spec, trajectory.positions[::25])
        np.testing.assert_allclose(again, potential_eV[::25], atol=2e-4)


@pytest.mark.parametrize("potential", installed(["sevennet-0", "chgnet"]))
def test_energies_of_batches_are_those_of_single_structures(potential: str, silicon: Path, monkeypatch):
    """The last batch is smaller; atoms lie outside of the box, as in a rollout."""
    settings = with_potential(silicon, potential)
    spec, start = begin(settings)
    shifts = np.random.default_rng(1).normal(scale=0.05, size=(7, spec.n_atoms, 3))
    frames = start.positions.numpy() + shifts + 2 * spec.cell[0]
    monkeypatch.setattr("trajcast.reference.engines._external.BATCH_ATOMS", 3 * spec.n_atoms)
    found = potential_energies(settings, spec, frames)
    atoms = direct(settings)
    single = []
    for frame in frames:
        atoms.set_positions(frame)
        single.append(atoms.get_potential_energy())
    np.testing.assert_allclose(found, single, atol=8e-5)  # rounding of single precision
    assert np.std(single) > 0.1


@pytest.mark.parametrize("potential", installed(CRYSTALS))
def test_a_potential_is_known_by_its_weights(potential: str):
    first, again = (weights_sha256(potentials.calculator(potential, "cpu")) for _ in range(2))
    assert first == again
    assert (first is None) == (potential == "gfn2-xtb")  # it has none
    if potential == "sevennet-0":
        assert first != weights_sha256(potentials.calculator("sevennet-l3i5", "cpu"))


@pytest.mark.mlip
@pytest.mark.skipif(find_spec("sevenn") is None, reason="sevenn is not installed")
def test_an_error_in_a_batch_is_the_users_to_read(silicon: Path, monkeypatch):
    from trajcast.reference.potentials import sevennet

    def fails(calculator: Any, structures: list[ase.Atoms]) -> list[float]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(sevennet, "energies", fails)
    settings = with_potential(silicon, "sevennet-0")
    spec, start = begin(settings)
    with pytest.raises(UserError, match="SevenNetCalculator stopped: RuntimeError: out of memory"):
        potential_energies(settings, spec, start.positions.numpy()[None])


@pytest.mark.parametrize("potential", installed(["gfn2-xtb", "sevennet-0"]))
def test_molecule_in_vacuum(potential: str, tmp_path: Path):
    path = tmp_path / "water.xyz"
    ase.io.write(path, molecule("H2O"))
    settings = with_potential(path, potential, timestep_fs=0.5)
    energy, forces, _ = evaluated(settings, tmp_path)
    atoms = direct(settings)
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-4)
    np.testing.assert_allclose(forces.sum(0), 0, atol=1e-4)


def of_a_system(system: str, potential: str, **parameters: Any) -> tuple[float, float]:
    """Energy (eV) of a system of the package with another potential, and what its calculator says alone."""
    settings = tiny_reference.settings(system=system, potential=potential, device="cpu")
    settings = settings.model_copy(update={"parameters": parameters})
    module = named_module("reference.systems", system)
    spec, positions = module.structure(module.Parameters(**parameters), 1)
    atoms = ase.Atoms(spec.numbers, positions, cell=spec.cell, pbc=spec.pbc)
    atoms.calc = potentials.calculator(potential, "cpu")
    return float(potential_energies(settings, spec, positions[None])[0]), atoms.get_potential_energy()


@pytest.mark.parametrize("potential", installed(["gfn2-xtb"]))
def test_the_molecule_takes_quantum_mechanical_forces(potential: str):
    energy, alone = of_a_system("molecule", potential)
    assert energy == pytest.approx(alone, abs=1e-6)
    assert energy < -800  # electrons' energies, in place of a force field's few eV


@pytest.mark.parametrize("potential", installed(["sevennet-0"]))
def test_the_crystal_takes_a_machine_learned_potential(potential: str):
    cutoffs = {"short_range_cutoff_A": 5.5, "coulomb_cutoff_A": 10.0}
    found = {}
    for a_A in (4.7, 4.95, 5.2):
        cell = {"a_A": a_A, "c_A": 1.1 * a_A, "supercell": [1, 1, 1]}
        found[a_A], alone = of_a_system("crystal", potential, **cell, **cutoffs)
        assert found[a_A] == pytest.approx(alone, abs=8e-5)
    assert found[4.95] < min(found[4.7], found[5.2])  # quartz: a = 4.91 Å, with PBE 5.0 Å


@pytest.mark.mlip
@pytest.mark.skipif(find_spec("sevenn") is None, reason="sevenn is not installed")
def test_lammps_adds_little_to_a_step(silicon: Path, tmp_path: Path, monkeypatch, record_property):
    spent = []
    compute = ExternalForces._compute

    def timed(self: ExternalForces, *arguments: Any) -> None:
        begun = time.perf_counter()
        self._atoms.calc.reset()
        compute(self, *arguments)
        spent.append(time.perf_counter() - begun)

    monkeypatch.setattr(ExternalForces, "_compute", timed)
    run = MdRun(name="nve", ensemble="NVE", steps=40, every=40)
    with record(tmp_path / "nve.h5md", with_potential(silicon, "sevennet-0"), run) as trajectory:
        wall_s = 40 / trajectory.provenance["speed"]["steps_per_s"]
    overhead_ms = 1000 * (wall_s - sum(spent[-41:])) / 40  # a segment begins with the forces of its first frame
    record_property("overhead_ms_per_step", overhead_ms)
    assert overhead_ms < 0.1 * 1000 * np.mean(spent)
