"""A data set of harmonic molecules in a box, whose motion over a horizon is known in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trajcast.core.system_spec import SystemSpec
from trajcast.data.dataset import Dataset, Pairs, Statistics, read_dataset, write_dataset

HORIZON_FS, FREQUENCY = 2.0, 0.25  # fs, rad/fs
DIATOMICS, LENGTH = 4, 8.0
MASSES = np.array([15.999, 1.008])


def small_dataset(path: Path, samples: int = 24, seed: int = 0, horizon_fs: float = HORIZON_FS) -> Dataset:
    """Write and read back: O–H oscillators with frequency ω; relative motion turns by ω Δt in phase space."""
    rng = np.random.default_rng(seed)
    spec = SystemSpec(
        numbers=np.tile([8, 1], DIATOMICS),
        masses=np.tile(MASSES, DIATOMICS),
        cell=np.eye(3) * LENGTH,
        pbc=np.ones(3, bool),
        molecules=np.repeat(np.arange(DIATOMICS), 2),
    )
    splits = {}
    for split, count in (("training", samples), ("validation", 4), ("test", 4)):
        center = np.array(np.meshgrid([1.0, 5.0], [1.0, 5.0], [3.0])).reshape(3, -1).T + rng.normal(
            0, 0.1, (count, DIATOMICS, 3)
        )
        axis = rng.normal(size=(count, DIATOMICS, 3))
        axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
        stretch, speed = rng.normal(0, 0.05, (2, count, DIATOMICS, 1))
        speed *= FREQUENCY
        cos, sin = np.cos(FREQUENCY * horizon_fs), np.sin(FREQUENCY * horizon_fs)
        later, faster = cos * stretch + sin * speed / FREQUENCY, cos * speed - sin * FREQUENCY * stretch
        share = np.array([-MASSES[1], MASSES[0]]) / MASSES.sum()  # of O and H in the relative coordinate

        def atoms(relative: np.ndarray, axis: np.ndarray = axis, share: np.ndarray = share) -> np.ndarray:
            return (relative * axis)[:, :, None] * share[:, None]

        positions = center[:, :, None] + atoms(1.0 + stretch)
        arrays = {
            "positions": positions,
            "velocities": atoms(speed),
            "displacements": atoms(later - stretch),
            "new_velocities": atoms(faster),
        }
        flat = {k: v.reshape(count, -1, 3).astype(np.float32) for k, v in arrays.items()}
        frames = np.arange(count)
        splits[split] = Pairs(spec=spec, frames=frames, sources=np.zeros(count, int), **flat)
    training = splits["training"]

    def rms(x: np.ndarray) -> float:
        return float(np.sqrt(np.mean(x.astype(float) ** 2)))

    dataset = Dataset(
        horizon_fs=horizon_fs,
        spec=spec,
        statistics=Statistics(
            displacement_rms=rms(training.displacements),
            velocity_rms=rms(training.new_velocities),
            speed_rms={z: rms(training.velocities[:, spec.numbers == z]) * np.sqrt(3) for z in (1, 8)},
        ),
        splits=splits,
        provenance={"made": "in closed form"},
    )
    write_dataset(path, dataset)
    return read_dataset(path)
