"""The largest time step of reference MD."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
import tiny_reference
from ase.build import bulk

from trajcast.config.schema import ReferenceSettings
from trajcast.config.studies import TimestepStudy
from trajcast.core.errors import UserError
from trajcast.io.hdf5 import atomic_hdf5
from trajcast.io.trajectory import append_frames, write_trajectory_header
from trajcast.reference.systems import structure_file
from trajcast.reference.timestep import largest_timestep


def reference(folder: Path, **parameters: str) -> ReferenceSettings:
    settings = tiny_reference.settings(system="structure_file", max_drift_meV_per_atom_per_ps=2.0)
    given = {"structure_file": str(folder / "copper.extxyz"), "calculator": "emt", **parameters}
    return settings.model_copy(update={"parameters": given})


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    """Copper with displaced atoms, as a file of starts."""
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(2)
    atoms.rattle(0.1, seed=1)
    ase.io.write(tmp_path / "copper.extxyz", atoms)
    given = structure_file.Parameters(structure_file=str(tmp_path / "copper.extxyz"), calculator="emt")
    spec, positions = structure_file.structure(given, 1)
    path = tmp_path / "starts.h5"
    with atomic_hdf5(path) as file:
        write_trajectory_header(file, spec, {})
        append_frames(
            file,
            steps=np.array([0]),
            times=np.array([0.0]),
            positions=positions[None],
            velocities=0 * positions[None],
            cells=spec.cell[None],
            energies={},
        )
    return path


def test_steps_beyond_the_stability_of_the_integrator_are_not_safe(starts: Path, tmp_path: Path):
    """Velocity Verlet is unstable where ω δt > 2: with copper's fastest vibration, 7 to 8 THz, from about 43 fs."""
    output = tmp_path / "timestep.json"
    study = TimestepStudy(timesteps_fs=[60.0, 2.0, 120.0], duration_ps=0.6)
    largest_timestep(reference(tmp_path), study, starts, output)
    found = json.loads(output.read_text(encoding="utf-8"))
    assert [attempt["timestep_fs"] for attempt in found["attempts"]] == [2.0, 60.0]  # no need to try the third
    assert [attempt["safe"] for attempt in found["attempts"]] == [True, False]
    assert found["attempts"][1]["reason"]
    assert found["safe"]["timestep_fs"] == 2.0
    speed = found["safe"]
    assert speed["ns_per_day"] == pytest.approx(speed["steps_per_s"] * 2.0e-6 * 86400)
    assert abs(speed["drift_meV_per_atom_per_ps"]) <= found["allowed_meV_per_atom_per_ps"] == 2.0


def test_finished_runs_are_not_repeated(starts: Path, tmp_path: Path):
    output = tmp_path / "timestep.json"
    largest_timestep(reference(tmp_path), TimestepStudy(timesteps_fs=[2.0], duration_ps=0.1), starts, output)
    path = tmp_path / "timestep/2fs.h5md"
    made = path.stat().st_mtime_ns
    first = output.read_bytes()
    largest_timestep(reference(tmp_path), TimestepStudy(timesteps_fs=[2.0], duration_ps=0.1), starts, output)
    assert path.stat().st_mtime_ns == made
    assert json.loads(output.read_bytes())["safe"] == json.loads(first)["safe"]


def test_what_is_no_matter_of_the_time_step_is_an_error(starts: Path, tmp_path: Path):
    study = TimestepStudy(timesteps_fs=[2.0], duration_ps=0.1)
    with pytest.raises(UserError, match="no 'emtt' here"):
        largest_timestep(reference(tmp_path, calculator="emtt"), study, starts, tmp_path / "timestep.json")
    assert not (tmp_path / "timestep.json").exists()
