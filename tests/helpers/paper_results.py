"""Result files that the paper's figures read, with numbers chosen by the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec
from trajcast.figures.paper.model_errors import ModelErrors
from trajcast.io.files import write_json
from trajcast.io.recorder import Recorder


def accuracy(**changes: Any) -> ModelErrors:
    """Errors of a model at 7 fs."""
    values: dict[str, Any] = {
        "horizon_fs": 7.0,
        "samples": 40,
        "seed": 1,
        "displacement_A": 1e-4,
        "velocity_A_per_fs": 1e-5,
        "displacement_percent": 0.5,
        "velocity_percent": 1.0,
    }
    return ModelErrors(**(values | changes))


def write_test(folder: Path, horizon_fs: float, samples: int, seed: int, displacement_A: float) -> list[str]:
    """test.json and model.json of a model; relative errors are 1000 times the absolute ones."""
    model = folder / f"{horizon_fs:g}fs" / f"model-n{samples}-s{seed}"
    test = {
        "horizon_fs": horizon_fs,
        "frames": 20,
        "displacement_mae_A": displacement_A,
        "velocity_mae_A_per_fs": 0.1 * displacement_A,
        "displacement_mae_percent": 1e3 * displacement_A,
        "velocity_mae_percent": 2e3 * displacement_A,
    }
    write_json(model / "test.json", test)
    write_json(model / "model.json", {"provenance": {"settings": {"samples": samples, "seed": seed}}})
    return [str(model / "test.json"), str(model / "model.json")]


def outcome(folder: Path, tau: float, seed: int, ended: str) -> Path:
    """How a rollout of the thermostat study ended."""
    path = folder / f"tau{tau:g}-s{seed}-outcome.json"
    write_json(path, {"outcome": ended, "horizon_fs": 5.0, "atoms": 162, "ensemble": "NVT (CSVR ELEMENTS)"})
    return path


def temperatures(folder: Path, *, tau: float, seed: int, mean_K: float, ended: str = "completed") -> tuple[str, str]:
    """One rollout of the thermostat study: temperatures and outcome."""
    path = folder / f"tau{tau:g}-s{seed}.json"
    summary = {
        "target_K": 300.0,
        "tau_horizons": tau,
        "seed": seed,
        "mean_K": mean_K,
        "width_K": 20.0,
        "theory_width_K": 19.3,
    }
    write_json(path, summary)
    return str(path), str(outcome(folder, tau, seed, ended))


def two_temperatures(folder: Path) -> list[str]:
    """Two seeds that held the temperature to some degrees, and a run with a longer τ that did not."""
    runs = [
        temperatures(folder, tau=10.0, seed=1, mean_K=302.0),
        temperatures(folder, tau=10.0, seed=2, mean_K=304.0),
        temperatures(folder, tau=50.0, seed=1, mean_K=900.0, ended="too hot"),
    ]
    return [path for run in runs for path in run]


def write_frames(path: Path, spec: SystemSpec, frames: NDArray[np.float64], spacing_fs: float = 7.0) -> Path:
    """A trajectory of atoms at rest."""
    recorder = Recorder(path, spec, identity={}, provenance={})
    for step, positions in enumerate(frames):
        recorder.add(step, step * spacing_fs, positions, 0 * positions)
    recorder.commit({})
    recorder.finish()
    return path
