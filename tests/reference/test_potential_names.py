"""Potentials by name in a configuration, files of one's own among them, and what is refused."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from pathlib import Path
from typing import Any

import ase.units
import numpy as np
import pytest
import tiny_reference
import torch
import yaml
from ase.calculators.lj import LennardJones
from calculator_runs import argon, begin, direct, evaluated, exported_argon, record, reference

from trajcast.config.schema import ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.pipeline.plan import Plan
from trajcast.reference import potentials
from trajcast.reference.engines import MdRun
from trajcast.reference.engines._potential import potential_of
from trajcast.reference.engines.lammps import potential_energies
from trajcast.reference.input_files import file_hashes, input_files
from trajcast.reference.potentials.file import ExportedModel
from trajcast.reference.protocol import _identity


@pytest.fixture(scope="module")
def structure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return argon(tmp_path_factory.mktemp("structures") / "argon.extxyz")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported_argon(tmp_path_factory.mktemp("models") / "argon.pt2")


@pytest.fixture
def settings(structure: Path, model: Path) -> ReferenceSettings:
    return reference(structure, changes={"potential": f"file:{model}", "device": "cpu"})


def test_an_exported_model_is_a_potential(settings: ReferenceSettings, structure: Path, model: Path, tmp_path: Path):
    """Energy, forces and stress are those of ASE's Lennard-Jones calculator."""
    energy, forces, pressure_bar = evaluated(settings, tmp_path)
    atoms = direct(settings)
    atoms.calc = LennardJones(epsilon=0.0104, sigma=3.4, rc=5.0)
    assert energy == pytest.approx(atoms.get_potential_energy(), rel=1e-9)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-9)
    assert np.abs(forces).max() > 0.01
    np.testing.assert_allclose(pressure_bar, -atoms.get_stress() / ase.units.bar, rtol=1e-5, atol=1e-3)
    assert input_files(settings) == [str(model), str(structure)]
    assert set(file_hashes(settings)) == {str(model), str(structure)}


def test_a_model_without_its_cutoff_is_refused(structure: Path, model: Path, tmp_path: Path):
    path = tmp_path / "no_cutoff.pt2"
    torch.export.save(torch.export.load(model), path)
    with pytest.raises(UserError, match=r"contains no cutoff .* save it with torch.export.save"):
        evaluated(reference(structure, changes={"potential": f"file:{path}", "device": "cpu"}), tmp_path)


def test_warnings_are_kept_with_the_run(settings: ReferenceSettings, tmp_path: Path, monkeypatch):
    calculate = ExportedModel.calculate

    def doubtful(self: ExportedModel, *arguments: Any) -> None:
        warnings.warn("far from what was learned", UserWarning, stacklevel=1)
        warnings.warn("call another function", FutureWarning, stacklevel=1)
        calculate(self, *arguments)

    monkeypatch.setattr(ExportedModel, "calculate", doubtful)
    run = MdRun(name="nve", ensemble="NVE", steps=10, every=2)
    with record(tmp_path / "nve.h5md", settings, run) as trajectory:
        assert trajectory.provenance["warnings"] == ["far from what was learned"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"potential": "sevenet-0"}, r"'sevenet-0' is not known; choose one of: .*sevennet-0.*file:PATH"),
        ({"potential": "file:"}, "'file:' is not known"),
        ({"potential": "tblite:my.param"}, "'tblite:my.param' is not known"),
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
    monkeypatch.setitem(sys.modules, "sevenn.calculator", None)
    with pytest.raises(UserError, match=r'install it with: pip install "trajcast\[sevennet\]"'):
        potentials.calculator("sevennet-0", "cpu")


def test_no_calculator_and_two_are_refused(settings: ReferenceSettings):
    both = settings.model_copy(update={"parameters": {**settings.parameters, "calculator": "emt"}})
    spec, _ = begin(settings)
    with pytest.raises(UserError, match="both give forces; remove one"):
        potential_of(both, spec)
    none = settings.model_copy(update={"potential": None})
    with pytest.raises(UserError, match=r"calculator: missing; .* reference.potential"):
        potential_energies(none, spec, np.zeros((1, spec.n_atoms, 3)))


def test_names_are_of_one_family_each():
    files = pkgutil.iter_modules(potentials.__path__)
    modules = [importlib.import_module(f"trajcast.reference.potentials.{file.name}") for file in files]
    names = [name for module in modules for name in module.MODELS]
    assert len(names) == len(set(names)) > 10
    for module in modules:
        assert (Path(__file__).parents[2] / f"envs/{module.ENVIRONMENT}.yaml").is_file()
        assert callable(module.calculator)


def test_device_is_no_part_of_what_a_run_depends_on(settings: ReferenceSettings):
    other = settings.model_copy(update={"device": "cuda"})
    assert _identity(settings, "nvt") == _identity(other, "nvt")
    assert _identity(settings, "nvt") != _identity(settings.model_copy(update={"potential": "chgnet"}), "nvt")


def test_rules_get_the_environment_and_the_gpu_of_their_potential():
    root = Path(__file__).parents[2]
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    asked = {"liquid": {"potential": "mace-mp-0"}, "crystal": {"potential": "chgnet", "device": "cpu"}}
    for system, keys in asked.items():
        values["systems"][system]["reference"] |= keys
    plan = Plan(values)
    assert [plan.environment(name) for name in ("liquid", "crystal", "molecule")] == ["mace", "mlip", None]
    assert [plan.forces_on_gpu(name) for name in ("liquid", "crystal", "molecule")] == [True, False, False]
