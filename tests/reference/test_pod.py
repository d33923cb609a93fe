"""A machine-learned potential that LAMMPS computes itself, by its pair style: ML-POD, fitted here.

Nguyen & Rohskopf 2023, doi:10.1016/j.jcp.2023.112030.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase
import numpy as np
import pytest
import tiny_reference
import torch
from ase.build import bulk
from ase.calculators.emt import EMT

from trajcast.config.schema import ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import thermal_velocities
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.reference.engines import MdRun
from trajcast.reference.engines._lammps import start_lammps
from trajcast.reference.engines.lammps import potential_energies, simulate
from trajcast.reference.input_files import input_files
from trajcast.reference.systems import lammps_input

DESCRIPTORS = """\
species Cu Au
pbc 1 1 1
rin 0.8
rcut 5.0
bessel_polynomial_degree 3
inverse_polynomial_degree 6
onebody 1
twobody_number_radial_basis_functions 6
threebody_number_radial_basis_functions 4
threebody_angular_degree 3
fourbody_number_radial_basis_functions 0
fourbody_angular_degree 0
"""
FIT = """\
file_format extxyz
file_extension xyz
path_to_training_data_set train
path_to_test_data_set test
fitting_weight_energy 100.0
fitting_weight_force 1.0
fitting_regularization_parameter 1e-10
basename_for_output_files alloy
"""
INPUT = """\
units metal
atom_style atomic
boundary p p p
read_data alloy.data
pair_style pod
pair_coeff * * alloy.pod alloy_coefficients.pod Cu Au
"""


def alloy(rng: np.random.Generator) -> ase.Atoms:
    atoms = bulk("Cu", "fcc", a=3.7 + 0.02 * rng.normal(), cubic=True).repeat((2, 2, 2))
    atoms.symbols[rng.permutation(32)[:10]] = "Au"
    atoms.rattle(0.12, rng=rng)
    atoms.calc = EMT()
    return atoms


def training_frame(atoms: ase.Atoms) -> str:
    cell = " ".join(f"{x:.8f}" for x in atoms.cell.array.ravel())
    columns = zip(atoms.get_chemical_symbols(), np.hstack([atoms.positions, atoms.get_forces()]), strict=True)
    rows = "".join(f"{symbol} {' '.join(f'{x:.8f}' for x in row)}\n" for symbol, row in columns)
    header = f'Lattice="{cell}" Properties=species:S:1:pos:R:3:forces:R:3 energy={atoms.get_potential_energy():.8f}'
    return f'{len(atoms)}\n{header} pbc="T T T"\n{rows}'


def data_file(atoms: ase.Atoms, order: list[str]) -> str:
    sides = zip(np.diag(atoms.cell.array), "xyz", strict=True)
    head = "an alloy\n\n32 atoms\n2 atom types\n" + "".join(f"0 {float(x)!r} {a}lo {a}hi\n" for x, a in sides)
    masses = {"Cu": 63.546, "Au": 196.96657}
    kinds = "".join(f"{i} {masses[symbol]}\n" for i, symbol in enumerate(order, 1))
    rows = enumerate(zip(atoms.get_chemical_symbols(), atoms.positions.tolist(), strict=True), 1)
    lines = "".join(f"{i} {order.index(symbol) + 1} {x!r} {y!r} {z!r}\n" for i, (symbol, (x, y, z)) in rows)
    return f"{head}\nMasses\n\n{kinds}\nAtoms # atomic\n\n{lines}"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ase.Atoms]:
    """A folder with a potential fitted to effective-medium theory, and an alloy that it has not seen."""
    folder, rng = tmp_path_factory.mktemp("pod"), np.random.default_rng(1)
    # `fitpod` leaves the size of the largest test frame unset where the test set is none or the training set itself,
    # and allocates by it all the same: what lay in the memory before decides. So it gets a test set of its own.
    for name, count in {"train": 20, "test": 1}.items():
        (folder / name).mkdir()
        frames = "".join(training_frame(alloy(rng)) for _ in range(count))
        (folder / name / "alloy.xyz").write_text(frames, encoding="utf-8")
    (folder / "alloy.pod").write_text(DESCRIPTORS, encoding="utf-8")
    (folder / "fit.pod").write_text(FIT, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lammps = start_lammps()
        lammps.commands_string("units metal\nfitpod alloy.pod fit.pod")
        lammps.close()
    unseen = alloy(rng)
    (folder / "alloy.data").write_text(data_file(unseen, ["Cu", "Au"]), encoding="utf-8")
    (folder / "alloy.in").write_text(INPUT, encoding="utf-8")
    return folder, unseen


@pytest.fixture
def here(fitted: tuple[Path, ase.Atoms], monkeypatch: pytest.MonkeyPatch) -> ase.Atoms:
    monkeypatch.chdir(fitted[0])
    return fitted[1]


def reference(**parameters: Any) -> ReferenceSettings:
    settings = tiny_reference.settings(
        system="lammps_input", timestep_fs=2.0, nve={"interval_fs": 2.0}, nvt={"interval_fs": 2.0}
    )
    given = {"input_file": "alloy.in", "elements": ["Cu", "Au"], **parameters}
    return settings.model_copy(update={"parameters": given})


def test_a_fitted_potential_runs_and_conserves_its_energy(here: ase.Atoms, tmp_path: Path):
    settings = reference()
    spec, positions = lammps_input.structure(lammps_input.Parameters(**settings.parameters), 1)
    at_rest = spec.state(positions, 0 * positions)
    start = thermal_velocities(at_rest, 300.0, torch.Generator().manual_seed(1))
    recorder = Recorder(tmp_path / "nve.h5md", spec, identity={}, provenance={}, energies=("potential", "total"))
    simulate(settings, MdRun(name="nve", ensemble="NVE", steps=100, every=5), start, recorder)
    with Trajectory(tmp_path / "nve.h5md") as trajectory:
        total, potential = trajectory.energy("total"), trajectory.energy("potential")
        assert total is not None
        assert potential is not None
        assert np.ptp(total) < 0.01 * np.ptp(potential)
        again = potential_energies(settings, trajectory.spec, trajectory.positions)
        np.testing.assert_allclose(again, potential, atol=1e-4)
        learned = [ase.Atoms(spec.numbers, x, cell=spec.cell, pbc=True) for x in trajectory.positions]
    exact = []
    for atoms in learned:
        atoms.calc = EMT()
        exact.append(atoms.get_potential_energy())
    assert np.abs(again - exact).max() / 32 < 0.01  # eV per atom: it is the potential that was fitted
    assert np.corrcoef(again, exact)[0, 1] > 0.95


def test_its_files_are_watched(here: ase.Atoms):
    assert input_files(reference()) == ["alloy.in", "alloy.data", "alloy.pod", "alloy_coefficients.pod"]


def test_types_in_another_order_are_refused(here: ase.Atoms, tmp_path: Path):
    """LAMMPS would run, with copper for gold."""
    Path("swapped.data").write_text(data_file(here, ["Au", "Cu"]), encoding="utf-8")
    swapped = INPUT.replace("alloy.data", "swapped.data")
    Path("swapped.in").write_text(swapped, encoding="utf-8")
    parameters = lammps_input.Parameters(input_file="swapped.in", elements=["Au", "Cu"])
    with pytest.raises(UserError, match=r"types to Cu, Au, but reference\.parameters\.elements says Au, Cu"):
        lammps_input.structure(parameters, 1)
    Path("swapped.in").write_text(swapped.replace("Cu Au", "Au Cu"), encoding="utf-8")
    with pytest.raises(UserError, match="has the species Cu Au, but pair_style pod needs the order of"):
        lammps_input.structure(parameters, 1)
