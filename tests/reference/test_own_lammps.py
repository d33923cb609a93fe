"""A LAMMPS build of the user's own in place of the installed one: another folder, another command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from trajcast.config.configuration import Config, read_config
from trajcast.config.machine import MachineSettings
from trajcast.config.validation import section_values
from trajcast.core.environment import LAMMPS, LAMMPS_ARGUMENTS, own_lammps
from trajcast.core.errors import UserError
from trajcast.reference.engines._lammps import start_lammps

ARGUMENTS = "-sf omp -pk omp 1 -var own 17"
WORK = """
import json
import numpy as np
import tiny_reference
from trajcast.config.validation import validate
from trajcast.reference.engines._lammps import start_lammps
from trajcast.reference.engines.lammps import potential_energies
from trajcast.io.provenance import provenance
from trajcast.reference.systems import liquid

settings = tiny_reference.settings()
spec, positions = liquid.structure(validate(liquid.Parameters, settings.parameters, "parameters"), settings.seed)
energy_eV = potential_energies(settings, spec, np.asarray(positions)[None])[0]
instance = start_lammps()
import lammps

given = instance.extract_variable("own")
print(json.dumps([energy_eV, lammps.__file__, given, provenance("reference", {})["versions"]["lammps"]]))
"""


def run(**variables: str) -> tuple[float, str, object, str]:
    """Energy, file of the Python package, variable of the command line, version in the provenance."""
    done = subprocess.run(
        [sys.executable, "-c", WORK],
        cwd=Path(__file__).parents[1] / "helpers",
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    energy_eV, file, given, version = json.loads(done.stdout.splitlines()[-1])
    return energy_eV, file, given, version


def test_an_own_build_with_its_own_arguments_gives_the_same_energies(tmp_path: Path) -> None:
    installed = Path(str(metadata.distribution("lammps").locate_file("lammps")))
    build = tmp_path / "build" / "lammps"
    build.mkdir(parents=True)
    for file in installed.glob("*.py"):
        shutil.copy2(file, build)
    shutil.copy2(installed / "liblammps.so", build)
    (build.parent / "lammps.libs").symlink_to(installed.with_name("lammps.libs"))  # where the library looks for others
    (mpi,) = (file for file in metadata.files("mpich") or () if file.name == "libmpi.so.12")
    machine = MachineSettings(lammps=str(build.parent), lammps_arguments=ARGUMENTS.split())
    libraries = {"LD_LIBRARY_PATH": str(Path(str(mpi.locate())).resolve().parent)}  # as a cluster's modules set it
    energy_eV, file, given, version = run(**machine.environment(), **libraries)
    assert Path(file).parent == build
    assert given == "17"
    assert version == f"own build: {build.parent} {ARGUMENTS}"
    usual_eV, usual_file, missing, usual_version = run()
    assert energy_eV == pytest.approx(usual_eV, rel=1e-9)
    assert (Path(usual_file).parent, missing, usual_version) == (installed, None, metadata.version("lammps"))


def test_a_folder_without_lammps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAMMPS, str(tmp_path))
    with pytest.raises(UserError, match=f"machine.lammps {tmp_path}: holds no Python package"):
        start_lammps()


def test_commands_are_told_by_environment_variables() -> None:
    assert own_lammps({}) == (None, [])
    assert own_lammps({LAMMPS: "", LAMMPS_ARGUMENTS: "-sf kk"}) == (None, [])
    told = MachineSettings(lammps="/opt/lammps", lammps_arguments=["-k", "on", "g", "1"]).environment()
    assert own_lammps(told) == ("/opt/lammps", ["-k", "on", "g", "1"])
    assert MachineSettings().environment() == {}


def test_the_machine_is_part_of_the_configuration_but_not_of_any_stage() -> None:
    values = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
    config: Config = read_config(values | {"machine": {"lammps": "/opt/lammps", "cuda": True}})
    assert (config.machine.lammps, config.machine.cuda) == ("/opt/lammps", True)
    assert section_values(config.systems["liquid"]) == section_values(read_config(values).systems["liquid"])
    with pytest.raises(UserError, match=r"machine.lamps: unknown key"):
        read_config(values | {"machine": {"lamps": "/opt/lammps"}})
