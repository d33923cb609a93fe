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
import torch
from ase.build import bulk, molecule
from ase.calculators.lj import LennardJones

from trajcast import potentials
from trajcast.config import Reference, validate
from trajcast.engines import Run
from trajcast.engines._external import ExternalForces
from trajcast.engines._lammps import Instance
from trajcast.engines._potential import potential_of
from trajcast.engines._weights import weights_sha256
from trajcast.engines.lammps import potential_energies, simulate
from trajcast.errors import UserError
from trajcast.mechanics import thermal_velocities
from trajcast.modules import named_module
from trajcast.recorder import Recorder
from trajcast.reference.input_files import file_hashes, input_files
from trajcast.state import State
from trajcast.systems import structure_file
from trajcast.trajectory import Topology, Trajectory

LIBRARY = {"sevennet-0": "sevenn", "chgnet": "chgnet", "gfn2-xtb": "tblite", "mace-mp-0": "mace"}
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


def reference(structure: Path, potential: str, timestep_fs: float = 1.0, **changes: Any) -> Reference:
    return tiny_reference.settings(
        system="structure_file",
        timestep_fs=timestep_fs,
        nve={"interval_fs": timestep_fs},
        nvt={"interval_fs": timestep_fs},
        potential=potential,
        device="cpu",
        **changes,
    ).model_copy(update={"parameters": {"structure_file": str(structure)}})


def begin(settings: Reference, temperature_K: float = 300.0) -> tuple[Topology, State]:
    parameters = validate(structure_file.Parameters, settings.parameters, "reference.parameters")
    topology, positions = structure_file.structure(parameters, 1)
    at_rest = topology.state(positions, 0 * positions)
    return topology, thermal_velocities(at_rest, temperature_K, torch.Generator().manual_seed(1))


def record(path: Path, settings: Reference, run: Run) -> Trajectory:
    topology, start = begin(settings)
    recorder = Recorder(path, topology, identity={}, provenance={}, energies=("potential", "total"))
    simulate(settings, run, start, recorder)
    return Trajectory(path)


@pytest.fixture(scope="module")
def silicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight atoms off their sites in a cell without right angles."""
    path = tmp_path_factory.mktemp("structures") / "silicon.extxyz"
    atoms = bulk("Si", "diamond", a=5.43, cubic=True)
    atoms.set_cell(atoms.cell.array @ [[1.02, 0.0, 0.0], [0.06, 0.98, 0.0], [-0.04, 0.05, 1.01]], scale_atoms=True)
    atoms.rattle(0.06, seed=1)
    ase.io.write(path, atoms)
    return path


@pytest.fixture(scope="module")
def argon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("structures") / "argon.extxyz"
    atoms = bulk("Ar", "fcc", a=5.3, cubic=True).repeat((2, 2, 1))
    atoms.rattle(0.1, seed=1)
    ase.io.write(path, atoms)
    return path


class CutPairs(torch.nn.Module):
    """Lennard-Jones argon, shifted at the cutoff, as ASE's calculator has it."""

    def forward(
        self, numbers: torch.Tensor, centers: torch.Tensor, neighbors: torch.Tensor, vectors: torch.Tensor
    ) -> torch.Tensor:
        sixth = (3.4**2 / vectors.square().sum(1)) ** 3
        shift = (3.4 / 5.0) ** 6
        return (2 * 0.0104 * (sixth.square() - sixth - shift**2 + shift)).sum()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "argon.pt2"
    index = torch.arange(4) % 3
    example = (torch.full((3,), 18), index, (index + 1) % 3, torch.randn(4, 3, dtype=torch.float64))
    atoms, pairs = torch.export.Dim("atoms"), torch.export.Dim("pairs")
    program = torch.export.export(
        CutPairs(), example, dynamic_shapes=({0: atoms}, {0: pairs}, {0: pairs}, {0: pairs}), strict=True
    )
    torch.export.save(program, path, extra_files={"cutoff_A": "5.0"})
    return path


def evaluated(settings: Reference, folder: Path) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy (eV), forces (eV/Å) and pressure tensor (bar: xx, yy, zz, yz, xz, xy) as LAMMPS has them."""
    topology, start = begin(settings)
    potential = potential_of(settings, topology, stress=bool(topology.periodic.all()))
    with Instance(None, potential.styles, potential.external) as instance:
        data = folder / "atoms.data"
        data.write_text(potential.data(topology, start.positions.numpy()), encoding="utf-8")
        columns = "thermo_style custom step pe pxx pyy pzz pxy pxz pyz\n"
        instance.read_data(data, potential.interactions + columns)
        instance.commands("run 0")
        pressure = [instance.thermo(f"p{k}") for k in ("xx", "yy", "zz", "yz", "xz", "xy")]
        return instance.thermo("pe"), instance.gather("f", 1).copy(), np.array(pressure)


def direct(settings: Reference) -> ase.Atoms:
    """The same atoms with a calculator of their own."""
    topology, start = begin(settings)
    atoms = ase.Atoms(topology.numbers, start.positions.numpy(), cell=topology.cell, pbc=topology.periodic)
    atoms.calc = potentials.calculator(str(settings.potential), "cpu")
    return atoms


@pytest.mark.parametrize("potential", installed(CRYSTALS))
def test_lammps_has_the_calculators_forces_and_energy(potential: str, silicon: Path, tmp_path: Path):
    settings = reference(silicon, potential)
    energy, forces, _ = evaluated(settings, tmp_path)
    atoms = direct(settings)
    rounding = 1e-5 if potential in SINGLE else 1e-7  # of positions: LAMMPS reads them as text, shifts the box
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=8 * rounding)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=10 * rounding)
    assert np.abs(forces).max() > 0.3


@pytest.mark.parametrize("potential", installed(CRYSTALS))
def test_virial_is_the_slope_of_the_energy_with_every_strain(potential: str, silicon: Path, tmp_path: Path):
    """P = −(1/V) dE/dε in all six components, from energies of strained cells."""
    settings = reference(silicon, potential)
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
    run = Run(name="nve", ensemble="NVE", steps=50, every=1)
    with record(tmp_path / "nve.h5md", reference(silicon, potential), run) as trajectory:
        total, potential_eV = trajectory.energy("total"), trajectory.energy("potential")
        assert total is not None
        assert potential_eV is not None
        assert np.ptp(total) < 0.01 * np.ptp(potential_eV)
        assert np.ptp(potential_eV) > 0.05
        assert trajectory.provenance["speed"]["device"] == "cpu"
        assert trajectory.provenance["weights"] == weights_sha256(potentials.calculator(potential, "cpu"))
        again = potential_energies(reference(silicon, potential), trajectory.topology, trajectory.positions[::25])
        np.testing.assert_allclose(again, potential_eV[::25], atol=2e-4)


@pytest.mark.parametrize("potential", installed(["sevennet-0", "chgnet"]))
def test_energies_of_batches_are_those_of_single_structures(potential: str, silicon: Path, monkeypatch):
    """The last batch is smaller; atoms lie outside of the box, as in a roll-out."""
    settings = reference(silicon, potential)
    topology, start = begin(settings)
    shifts = np.random.default_rng(1).normal(scale=0.05, size=(7, topology.n_atoms, 3))
    frames = start.positions.numpy() + shifts + 2 * topology.cell[0]
    monkeypatch.setattr("trajcast.engines._external.BATCH_ATOMS", 3 * topology.n_atoms)
    found = potential_energies(settings, topology, frames)
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
    from trajcast.potentials import sevennet

    def fails(calculator: Any, structures: list[ase.Atoms]) -> list[float]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(sevennet, "energies", fails)
    settings = reference(silicon, "sevennet-0")
    topology, start = begin(settings)
    with pytest.raises(UserError, match="SevenNetCalculator stopped: RuntimeError: out of memory"):
        potential_energies(settings, topology, start.positions.numpy()[None])


@pytest.mark.parametrize("potential", installed(["gfn2-xtb", "sevennet-0"]))
def test_molecule_in_vacuum(potential: str, tmp_path: Path):
    path = tmp_path / "water.xyz"
    ase.io.write(path, molecule("H2O"))
    settings = reference(path, potential, timestep_fs=0.5)
    energy, forces, _ = evaluated(settings, tmp_path)
    atoms = direct(settings)
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-4)
    np.testing.assert_allclose(forces.sum(0), 0, atol=1e-4)


def of_a_system(system: str, potential: str, **parameters: Any) -> tuple[float, float]:
    """Energy (eV) of a system of the package with another potential, and what its calculator says alone."""
    settings = tiny_reference.settings(system=system, potential=potential, device="cpu")
    settings = settings.model_copy(update={"parameters": parameters})
    module = named_module("systems", system)
    topology, positions = module.structure(module.Parameters(**parameters), 1)
    atoms = ase.Atoms(topology.numbers, positions, cell=topology.cell, pbc=topology.periodic)
    atoms.calc = potentials.calculator(potential, "cpu")
    return float(potential_energies(settings, topology, positions[None])[0]), atoms.get_potential_energy()


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
    run = Run(name="nve", ensemble="NVE", steps=40, every=40)
    with record(tmp_path / "nve.h5md", reference(silicon, "sevennet-0"), run) as trajectory:
        wall_s = 40 / trajectory.provenance["speed"]["steps_per_s"]
    overhead_ms = 1000 * (wall_s - sum(spent[-41:])) / 40  # a segment begins with the forces of its first frame
    record_property("overhead_ms_per_step", overhead_ms)
    assert overhead_ms < 0.1 * 1000 * np.mean(spent)


def test_an_exported_model_is_a_potential(argon: Path, exported: Path, tmp_path: Path):
    """Energy, forces and stress are those of ASE's Lennard-Jones calculator."""
    settings = reference(argon, f"file:{exported}")
    energy, forces, pressure_bar = evaluated(settings, tmp_path)
    atoms = direct(settings)
    atoms.calc = LennardJones(epsilon=0.0104, sigma=3.4, rc=5.0)
    assert energy == pytest.approx(atoms.get_potential_energy(), rel=1e-9)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-9)
    assert np.abs(forces).max() > 0.01
    np.testing.assert_allclose(pressure_bar, -atoms.get_stress() / ase.units.bar, rtol=1e-5, atol=1e-3)
    assert input_files(settings) == [str(exported), str(argon)]
    assert set(file_hashes(settings)) == {str(exported), str(argon)}


def test_a_model_without_its_cutoff_is_refused(argon: Path, exported: Path, tmp_path: Path):
    path = tmp_path / "no_cutoff.pt2"
    torch.export.save(torch.export.load(exported), path)
    with pytest.raises(UserError, match=r"no cutoff in it .* save it with torch.export.save"):
        evaluated(reference(argon, f"file:{path}"), tmp_path)


def test_warnings_are_kept_with_the_run(argon: Path, exported: Path, tmp_path: Path, monkeypatch):
    import warnings

    from trajcast.potentials.file import ExportedModel

    calculate = ExportedModel.calculate

    def doubtful(self: ExportedModel, *arguments: Any) -> None:
        warnings.warn("far from what was learned", UserWarning, stacklevel=1)
        warnings.warn("call another function", FutureWarning, stacklevel=1)
        calculate(self, *arguments)

    monkeypatch.setattr(ExportedModel, "calculate", doubtful)
    run = Run(name="nve", ensemble="NVE", steps=10, every=2)
    with record(tmp_path / "nve.h5md", reference(argon, f"file:{exported}"), run) as trajectory:
        assert trajectory.provenance["warnings"] == ["far from what was learned"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"potential": "sevenet-0"}, r"no 'sevenet-0' there; choose one of: .*sevennet-0.*file:PATH"),
        ({"potential": "file:"}, "no 'file:' there"),
        ({"potential": "tblite:my.param"}, "no 'tblite:my.param' there"),
        ({"device": "gpu"}, "reference.device|device: 'gpu'"),
    ],
)
def test_wrong_names_are_refused_with_the_configuration(changes: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        tiny_reference.settings(system="molecule", **changes)


@pytest.mark.parametrize(
    ("potential", "device", "message"),
    [
        ("file:nowhere.pt2", "cpu", "nowhere.pt2: no such file"),
        ("gfn2-xtb", "cuda", "gfn2-xtb runs on cpu only; change cuda"),
        pytest.param(
            "sevennet-0",
            "cuda",
            "PyTorch finds no GPU here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_what_cannot_be_made_is_refused(potential: str, device: str, message: str):
    with pytest.raises(UserError, match=message):
        potentials.calculator(potential, device)


def test_a_missing_library_is_named_with_its_remedy(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sevenn.calculator", None)
    with pytest.raises(UserError, match=r'install it with: pip install "trajcast\[sevennet\]"'):
        potentials.calculator("sevennet-0", "cpu")


def test_no_calculator_and_two_are_refused(argon: Path, exported: Path):
    settings = reference(argon, f"file:{exported}")
    both = settings.model_copy(update={"parameters": {**settings.parameters, "calculator": "emt"}})
    topology, _ = begin(settings)
    with pytest.raises(UserError, match="both give forces; remove one"):
        potential_of(both, topology)
    none = settings.model_copy(update={"potential": None})
    with pytest.raises(UserError, match=r"calculator: missing; .* reference.potential"):
        potential_energies(none, topology, np.zeros((1, topology.n_atoms, 3)))


def test_names_are_of_one_family_each():
    import importlib
    import pkgutil

    files = pkgutil.iter_modules(potentials.__path__)
    modules = [importlib.import_module(f"trajcast.potentials.{file.name}") for file in files]
    names = [name for module in modules for name in module.MODELS]
    assert len(names) == len(set(names)) > 10
    for module in modules:
        assert (Path(__file__).parents[2] / f"envs/{module.ENVIRONMENT}.yaml").is_file()
        assert callable(module.calculator)


def test_device_is_no_part_of_what_a_run_depends_on(argon: Path, exported: Path):
    from trajcast.reference.protocol import _identity

    settings = reference(argon, f"file:{exported}")
    other = settings.model_copy(update={"device": "cuda"})
    assert _identity(settings, "nvt") == _identity(other, "nvt")
    assert _identity(settings, "nvt") != _identity(settings.model_copy(update={"potential": "chgnet"}), "nvt")


def test_rules_get_the_environment_and_the_gpu_of_their_potential():
    import yaml

    from trajcast.plan import Plan

    root = Path(__file__).parents[2]
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    asked = {"liquid": {"potential": "mace-mp-0"}, "crystal": {"potential": "chgnet", "device": "cpu"}}
    for system, keys in asked.items():
        values["systems"][system]["reference"] |= keys
    plan = Plan(values)
    assert [plan.environment(name) for name in ("liquid", "crystal", "molecule")] == ["mace", "mlip", None]
    assert [plan.forces_on_gpu(name) for name in ("liquid", "crystal", "molecule")] == [True, False, False]
