"""LAMMPS integrates, an ASE calculator gives the forces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.md.verlet import VelocityVerlet
from ase.units import fs as ASE_FS
from calculator_runs import begin, record, reference
from scipy import constants

from trajcast.config.schema import ConstantPressureSettings, ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import angular_momentum, degrees_of_freedom
from trajcast.core.system_spec import SystemSpec
from trajcast.io.recorder import Recorder
from trajcast.reference.engines import MdRun, lammps
from trajcast.reference.engines._lammps import Instance
from trajcast.reference.engines._potential import potential_of
from trajcast.reference.engines.lammps import potential_energies
from trajcast.reference.systems import structure_file

BAR = 1e-5 * constants.e / constants.angstrom**3  # one eV/Å³


def with_calculator(
    path: Path, calculator: str = "emt", timestep_fs: float = 4.0, **parameters: Any
) -> ReferenceSettings:
    return reference(path, timestep_fs, calculator=calculator, **parameters)


def energy(settings: ReferenceSettings) -> float:
    spec, start = begin(settings)
    return float(potential_energies(settings, spec, start.positions.numpy()[None])[0])


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An alloy in a cell without right angles, its atoms off their sites."""
    path = tmp_path_factory.mktemp("structures") / "alloy.extxyz"
    atoms = bulk("Cu", "fcc", a=3.7).repeat((3, 2, 2))
    atoms.symbols[::3] = "Au"
    atoms.rattle(0.08, seed=1)
    ase.io.write(path, atoms)
    return path


def test_forces_energy_and_pressure_are_the_calculators(shaken: Path):
    settings = with_calculator(shaken)
    spec, start = begin(settings)
    assert np.abs(spec.cell[np.tril_indices(3, -1)]).min() > 1  # skewed in all three directions
    potential = potential_of(settings, spec, stress=True)
    with Instance(None, potential.styles, potential.external) as instance:
        data = shaken.with_suffix(".data")
        data.write_text(potential.data(spec, start.positions.numpy()), encoding="utf-8")
        instance.read_data(data, potential.interactions + "thermo_style custom step pe pxx pyy pzz pxy pxz pyz\n")
        instance.commands("run 0")
        forces = instance.gather("f", 1)
        energy = instance.thermo("pe")
        pressure = [instance.thermo(f"p{k}") for k in ("xx", "yy", "zz", "yz", "xz", "xy")]
    atoms = ase.io.read(shaken)
    atoms.calc = EMT()
    turn = np.linalg.solve(atoms.cell.array, spec.cell)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert energy == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    np.testing.assert_allclose(forces, atoms.get_forces() @ turn, atol=1e-9)
    assert np.abs(forces).max() > 0.3
    stress = turn.T @ atoms.get_stress(voigt=False) @ turn
    expected = -stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] * BAR
    np.testing.assert_allclose(pressure, expected, rtol=1e-6, atol=1e-2)
    assert np.abs(expected).min() > 100


def test_virial_is_the_slope_of_the_energy_with_the_volume(shaken: Path):
    """P = −dE/dV, from energies of cells that are a little larger and smaller."""
    settings = with_calculator(shaken)
    spec, start = begin(settings)
    energies, strain = [], 1e-4
    for factor in (1 - strain, 1 + strain):
        cell = SystemSpec(numbers=spec.numbers, masses=spec.masses, cell=spec.cell * factor, pbc=spec.pbc)
        energies.append(potential_energies(settings, cell, start.positions.numpy()[None] * factor)[0])
    volume = abs(np.linalg.det(spec.cell))
    slope = -(energies[1] - energies[0]) / (6 * strain * volume)
    potential = potential_of(settings, spec, stress=True)
    with Instance(None, potential.styles, potential.external) as instance:
        data = shaken.with_suffix(".data")
        data.write_text(potential.data(spec, start.positions.numpy()), encoding="utf-8")
        instance.read_data(data, potential.interactions)
        instance.commands("run 0")
        pressure = instance.thermo("press") / BAR
    assert pressure == pytest.approx(slope, rel=1e-5)


def test_trajectory_is_that_of_ases_own_integrator(shaken: Path, tmp_path: Path):
    settings = with_calculator(shaken)
    run = MdRun(name="alloy", ensemble="NVE", steps=100, every=10)
    spec, start = begin(settings)
    atoms = ase.Atoms(spec.numbers, start.positions.numpy(), cell=spec.cell, pbc=True, calculator=EMT())
    atoms.set_masses(spec.masses)
    atoms.set_velocities(start.velocities.numpy() / ASE_FS)
    VelocityVerlet(atoms, 4.0 * ASE_FS).run(100)
    with record(tmp_path / "alloy.h5md", settings, run) as trajectory:
        np.testing.assert_allclose(trajectory.positions[-1], atoms.positions, atol=2e-5)
        np.testing.assert_allclose(trajectory.velocities[-1], atoms.get_velocities() * ASE_FS, atol=2e-6)
        assert np.abs(trajectory.positions[-1] - start.positions.numpy()).max() > 0.1
        total = trajectory.energy("total")
        assert total is not None
        assert np.ptp(total) < 0.01 * np.ptp(trajectory.energy("potential"))
        again = potential_energies(settings, trajectory.spec, trajectory.positions)
        np.testing.assert_allclose(again, trajectory.energy("potential"), atol=1e-4)


def test_isolated_cluster_keeps_its_angular_momentum(tmp_path: Path):
    """Boundaries that follow the atoms, and 3N − 6 degrees of freedom."""
    path = tmp_path / "ethane.xyz"
    ase.io.write(path, molecule("C2H6"))
    run = MdRun(name="ethane", ensemble="NVE", steps=200, every=20)
    settings = with_calculator(path, timestep_fs=0.5)
    with record(tmp_path / "ethane.h5md", settings, run) as trajectory:
        assert not trajectory.spec.pbc.any()
        last = trajectory.state(-1)
        assert int(degrees_of_freedom(last)[0]) == 18
        conserve_angular_momentum = (
            last.positions.norm(dim=1).sum() * (last.masses[:, None] * last.velocities).abs().max()
        )
        assert angular_momentum(last).abs().max() < 1e-5 * conserve_angular_momentum
        total, potential = trajectory.energy("total"), trajectory.energy("potential")
        assert total is not None
        assert np.ptp(total) < 0.05 * np.ptp(potential)
        np.testing.assert_allclose(potential_energies(settings, trajectory.spec, trajectory.positions), potential)


def test_left_handed_and_primitive_cells_keep_their_neighbours(tmp_path: Path):
    atoms = bulk("Cu", "fcc", a=3.6)
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    assert atoms.cell.handedness == -1
    atoms = atoms.repeat((2, 2, 2))
    atoms.rattle(0.1, seed=2)
    ase.io.write(tmp_path / "left.extxyz", atoms)
    parameters = structure_file.Parameters(
        structure_file=str(tmp_path / "left.extxyz"), calculator="emt", supercell=[1, 1, 2]
    )
    spec, positions = structure_file.structure(parameters, 1)
    assert np.diag(spec.cell).min() > 0
    np.testing.assert_array_equal(spec.cell, np.tril(spec.cell))
    turned = ase.Atoms(spec.numbers, positions, cell=spec.cell, pbc=True)
    atoms = atoms.repeat((1, 1, 2))
    np.testing.assert_allclose(turned.get_all_distances(mic=True), atoms.get_all_distances(mic=True), atol=1e-9)
    handed = [np.linalg.det(a.get_distances(0, [1, 2, 5], mic=True, vector=True)) for a in (turned, atoms)]
    assert handed[0] == pytest.approx(handed[1])


def test_a_calculator_that_stops_stops_the_run_with_its_message(shaken: Path, tmp_path: Path, monkeypatch):
    calls: list[int] = []

    def failing(self: EMT, *arguments: Any, **keywords: Any) -> None:
        calls.append(1)
        if len(calls) > 37:
            raise RuntimeError("SCF did not converge")
        EMT_calculate(self, *arguments, **keywords)

    EMT_calculate = EMT.calculate
    monkeypatch.setattr(EMT, "calculate", failing)
    with pytest.raises(UserError, match="calculator EMT stopped: RuntimeError: SCF did not converge"):
        record(tmp_path / "run.h5md", with_calculator(shaken), MdRun(name="run", ensemble="NVE", steps=100, every=10))
    assert len(calls) == 38  # it is not asked again
    assert not (tmp_path / "run.h5md").exists()
    assert not list(tmp_path.glob(".run.h5md.*/segment-*"))


@pytest.mark.parametrize("broken", ["forces", "energy"])
def test_numbers_that_are_not_finite_stop_the_run(broken: str, shaken: Path, tmp_path: Path, monkeypatch):
    calculate = EMT.calculate

    def infinite(self: EMT, *arguments: Any, **keywords: Any) -> None:
        calculate(self, *arguments, **keywords)
        for name in ("energy", "free_energy") if broken == "energy" else ("forces",):
            self.results[name] = self.results[name] * np.nan

    monkeypatch.setattr(EMT, "calculate", infinite)
    with pytest.raises(UserError, match="forces or energy are not finite at step 0"):
        record(tmp_path / "run.h5md", with_calculator(shaken), MdRun(name="run", ensemble="NVE", steps=10, every=10))


def test_an_interrupt_inside_the_calculator_is_one(shaken: Path, tmp_path: Path, monkeypatch):
    def interrupted(self: EMT, *arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EMT, "calculate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record(tmp_path / "run.h5md", with_calculator(shaken), MdRun(name="run", ensemble="NVE", steps=10, every=10))


def test_a_calculator_without_stress_is_refused_at_constant_pressure(shaken: Path, monkeypatch):
    settings = with_calculator(shaken)
    spec, start = begin(settings)
    monkeypatch.setattr(EMT, "implemented_properties", ["energy", "forces"])
    potential = potential_of(settings, spec, stress=True)
    data = shaken.with_suffix(".data")
    data.write_text(potential.data(spec, start.positions.numpy()), encoding="utf-8")
    with (
        Instance(None, potential.styles, potential.external) as instance,
        pytest.raises(UserError, match=r"calculator EMT gives no stress; .* remove equilibration.npt"),
    ):
        instance.read_data(data, potential.interactions)


def test_own_function_with_arguments(tmp_path: Path, monkeypatch):
    (tmp_path / "my_potential.py").write_text(
        "from ase.calculators.lj import LennardJones\n"
        "def argon(scale):\n    return LennardJones(epsilon=0.0104 * scale, sigma=3.4, rc=6.0, smooth=True)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    atoms = bulk("Ar", "fcc", a=5.4, cubic=True).repeat(2)
    atoms.rattle(0.1, seed=1)
    ase.io.write("argon.xyz", atoms)
    settings = with_calculator(Path("argon.xyz"), "my_potential:argon", arguments={"scale": 2.0})
    atoms.calc = LennardJones(epsilon=0.0208, sigma=3.4, rc=6.0, smooth=True)
    assert energy(settings) == pytest.approx(atoms.get_potential_energy(), rel=1e-7)


def test_a_run_that_was_broken_off_goes_on_to_the_same_frames(shaken: Path, tmp_path: Path, monkeypatch):
    """Bit for bit, although calculators remember lists of neighbours."""
    monkeypatch.setattr(lammps, "SLOW_SEGMENT_FRAMES", 20)
    run = MdRun(name="run", ensemble="NVT (CSVR)", steps=200, every=2, relaxation_fs=100.0)
    settings = with_calculator(shaken)
    with record(tmp_path / "whole.h5md", settings, run) as trajectory:
        whole = trajectory.positions[()], trajectory.velocities[()]
    commit, commits = Recorder.commit, []

    def broken_off(self: Recorder, restart: Any) -> None:
        commit(self, restart)
        commits.append(1)
        if len(commits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "commit", broken_off)
    path = tmp_path / "broken.h5md"
    with pytest.raises(KeyboardInterrupt):
        record(path, settings, run)
    assert not path.exists()
    with record(path, settings, run) as trajectory:
        assert len(commits) == len(trajectory) / 20 == 5  # none was made twice
        np.testing.assert_array_equal(trajectory.positions[()], whole[0])
        np.testing.assert_array_equal(trajectory.velocities[()], whole[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"structure_file": "nowhere.cif"}, "structure_file: nowhere.cif: no such file"),
        ({"calculator": "emtt"}, "calculator: no 'emtt' here"),
        ({"calculator": "os:nothing"}, "calculator: no 'os:nothing' here"),
        ({"calculator": "os:getcwd"}, "os:getcwd gives a str, not an ASE calculator"),
        ({"calculator": "no_such_module:make"}, "no 'no_such_module:make' here"),
        ({"calculator": "ase.calculators.tersoff:Tersoff", "arguments": {"tersof": 1}}, "Tersoff rejects"),
        ({"supercell": [2, 2]}, "supercell"),
        ({"charge": 1}, "charge: unknown key"),
    ],
)
def test_wrong_parameters_are_named(changes: dict[str, Any], message: str, shaken: Path):
    settings = with_calculator(shaken, **({"calculator": "emt"} | changes))
    with pytest.raises(UserError, match=message):
        energy(settings)


def test_a_parameter_that_a_calculator_does_not_list_is_warned_of(shaken: Path, caplog: pytest.LogCaptureFixture):
    structure_file.calculator(
        structure_file.Parameters(structure_file=str(shaken), calculator="lj", arguments={"epsilom": 1.0, "sigma": 2.0})
    )
    assert "epsilom is not among the parameters of LennardJones" in caplog.text
    assert "sigma is not" not in caplog.text


def test_constant_pressure_finds_the_calculators_lattice(tmp_path: Path):
    """From a cell 4 % too small to that of EMT copper, a = 3.59 Å and a little thermal expansion."""
    path = tmp_path / "copper.extxyz"
    ase.io.write(path, bulk("Cu", "fcc", a=3.46, cubic=True).repeat(2))
    pressure = ConstantPressureSettings(duration_ps=1.6, pressure_bar=0.0, damping_fs=100.0, bulk_modulus_GPa=130.0)
    run = MdRun(name="npt", ensemble="NpT (Berendsen)", steps=400, every=5, relaxation_fs=100.0, pressure=pressure)
    with record(tmp_path / "npt.h5md", with_calculator(path), run) as trajectory:
        lengths = np.diagonal(trajectory.cells[len(trajectory) // 2 :], axis1=1, axis2=2)
        assert np.linalg.norm(trajectory.cells[0][0]) < 7.0
    assert lengths.mean() / 2 == pytest.approx(3.61, abs=0.02)
    np.testing.assert_allclose(lengths, lengths[:, :1].repeat(3, axis=1), rtol=1e-9)
