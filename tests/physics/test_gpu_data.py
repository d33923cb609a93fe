"""The GPU kit's molecule: constant energy, no momentum, and pairs that fit its motion."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from trajcast.data.dataset import read_dataset
from trajcast.errors import UserError
from trajcast.mechanics import angular_momentum, momentum
from trajcast.settings import Dataset, Samples
from trajcast.trajectory import Trajectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import gpu_data, gpu_molecule


def test_the_molecules_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"EQUILIBRATION_STEPS": 40_000, "SPACING_STEPS": 200, "NVE_STEPS": 2100}.items():
        monkeypatch.setattr(gpu_molecule, name, value)
    settings = Dataset(horizon_fs=7.0, cutoff_A=4.0, seed=1, samples=Samples(training=300, validation=60, test=50))
    source = gpu_data.Source(folder=tmp_path / "runs", settings=settings)
    monkeypatch.setitem(gpu_data.SOURCES, "molecule", source)
    gpu_data.make("molecule", tmp_path / "data.h5")
    energies = []
    for run in range(1, 6):
        with Trajectory(tmp_path / "runs" / f"nve_{run}.h5md") as trajectory:
            total, potential = trajectory.energy("total"), trajectory.energy("potential")
            assert total is not None
            assert potential is not None
            assert trajectory.interval_fs == 3.5
            for frame in (0, -1):
                state = trajectory.state(frame)
                assert float(momentum(state).norm()) < 1e-6  # of single precision: typical ones are 0.1 u Å/fs
                assert float(angular_momentum(state).norm()) < 1e-5
        # velocity Verlet's error at the O–H stretch, ω = 0.64/fs, is about (ω δt)²/8 = 0.013 of its energy
        assert total.std() < 0.02 * potential.std()
        energies.append(total.mean())
    assert np.ptp(energies) < 0.01 * np.mean(energies)  # all runs have the energy of the same temperature
    dataset = read_dataset(tmp_path / "data.h5")
    assert [len(dataset.split(name)) for name in ("training", "validation", "test")] == [300, 60, 50]
    assert sorted(dataset.topology.numbers.tolist()) == [1] * 9 + [6] * 8 + [7] + [8] * 2
    pairs = dataset.split("test")
    with Trajectory(tmp_path / "runs" / "nve_5.h5md") as trajectory:
        for sample, frame in enumerate(pairs.frames[:10]):  # two frames of 3.5 fs are one horizon
            moved = trajectory.positions[frame + 2] - trajectory.positions[frame]
            np.testing.assert_allclose(pairs.displacements[sample], moved, atol=1e-6)
            np.testing.assert_array_equal(pairs.new_velocities[sample], trajectory.velocities[frame + 2])
    center = np.einsum("a,sax->sx", dataset.topology.masses, pairs.displacements) / dataset.topology.masses.sum()
    assert np.abs(center).max() < 1e-6  # Å, of single precision: the centre of mass rests


def test_runs_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="0 NVE runs, 5 are needed"):
        gpu_data.make("liquid", tmp_path / "data.h5")
