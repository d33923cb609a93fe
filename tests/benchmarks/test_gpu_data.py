"""The GPU kit's data set: pairs at the kit's horizon from the molecule's reference MD."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from trajcast.config.schema import ReferenceSettings
from trajcast.config.settings import DatasetSettings, SampleCounts
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.data.dataset import read_dataset
from trajcast.io.trajectory import Trajectory
from trajcast.reference.protocol import EQUILIBRATION, perform

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import gpu_data

SHORT = {
    "system": "molecule",
    "engine": "lammps",
    "temperature_K": 300.0,
    "timestep_fs": 0.5,
    "seed": 1,
    "equilibration": {"duration_ps": 10.0, "damping_fs": 5.0, "chain_length": 10},
    "nve": {
        "runs": 5,
        "duration_ps": 1.05,
        "interval_fs": 3.5,
        "start_window_percent": 1.0,
        "start_spacing_ps": 0.1,
    },
    "nvt": {"duration_ps": 1.0, "interval_fs": 1.0, "tau_fs": 50.0},
}


def test_the_molecules_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reference = validate(ReferenceSettings, SHORT, "test")
    for part in (EQUILIBRATION, *(f"nve_{run}" for run in range(1, 6))):
        perform(reference, part, tmp_path / "runs")
    settings = DatasetSettings(horizon_fs=7.0, seed=1, samples=SampleCounts(training=300, validation=60, test=50))
    monkeypatch.setitem(gpu_data.SOURCES, "molecule", gpu_data.Source(folder=tmp_path / "runs", settings=settings))
    gpu_data.make("molecule", tmp_path / "data.h5")
    dataset = read_dataset(tmp_path / "data.h5")
    assert [len(dataset.split(name)) for name in ("training", "validation", "test")] == [300, 60, 50]
    assert sorted(dataset.spec.numbers.tolist()) == [1] * 9 + [6] * 8 + [7] + [8] * 2
    pairs = dataset.split("test")
    with Trajectory(tmp_path / "runs" / "nve_5.h5md") as trajectory:
        for sample, frame in enumerate(pairs.frames[:10]):  # two frames of 3.5 fs are one horizon
            moved = trajectory.positions[frame + 2] - trajectory.positions[frame]
            np.testing.assert_allclose(pairs.displacements[sample], moved, atol=1e-6)
            np.testing.assert_array_equal(pairs.new_velocities[sample], trajectory.velocities[frame + 2])
    center = np.einsum("a,sax->sx", dataset.spec.masses, pairs.displacements) / dataset.spec.masses.sum()
    assert np.abs(center).max() < 1e-6  # Å, of single precision: the centre of mass rests


def test_runs_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="0 NVE runs, 5 are needed"):
        gpu_data.make("liquid", tmp_path / "data.h5")
