"""A small results folder made with the package's own writers: what `trajcast report` reads."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trajcast.core.mechanics import thermal_velocities
from trajcast.core.system_spec import SystemSpec
from trajcast.io.files import write_json
from trajcast.io.provenance import provenance
from trajcast.io.recorder import Recorder
from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.summary import NO, YES, curve_quantity

MODEL = "model-n40-s1"
HORIZONS_FS = (1.0, 2.0, 5.0)
METRICS = (
    "epoch time_s learning_rate skipped_updates training_loss validation_loss training_displacement_mae_percent "
    "training_velocity_mae_percent displacement_mae_percent velocity_mae_percent"
)
WATERS = 8
BOX_A = 6.2
REFERENCE = {
    "system": "liquid",
    "engine": "lammps",
    "parameters": {"molecules": WATERS, "box_A": BOX_A},
    "temperature_K": 300.0,
    "timestep_fs": 0.5,
    "nve": {"runs": 2},
    "seed": 3,
}


def spec() -> SystemSpec:
    """Water molecules in a periodic box."""
    return SystemSpec(
        numbers=np.array([8, 1, 1] * WATERS),
        masses=np.array([15.999, 1.008, 1.008] * WATERS),
        cell=BOX_A * np.eye(3),
        pbc=np.ones(3, dtype=bool),
        molecules=np.repeat(np.arange(WATERS), 3),
    )


def write_trajectory(
    path: Path, *, frames: int, interval_fs: float, record: dict[str, Any], seed: int, temperature_K: float = 300.0
) -> None:
    """Frames of thermal velocities: every one an independent draw from the canonical distribution."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    positions = rng.uniform(0, BOX_A, (3 * WATERS, 3))
    recorder = Recorder(path, spec(), identity={"seed": seed}, provenance=record, energies=("potential", "total"))
    for frame in range(frames):
        state = thermal_velocities(spec().state(positions, np.zeros_like(positions)), temperature_K, generator)
        energies = {"potential": rng.normal(-20.0, 0.1), "total": -10.0 + 1e-4 * rng.normal()}
        recorder.add(frame, frame * interval_fs, positions, state.velocities.numpy(), energies)
    recorder.commit({})
    recorder.finish()


def result(name: str, *, shift: float, seed: int, curves: tuple[str, ...] = ("O", "H"), **changes: Any) -> Result:
    """A peaked curve per name, moved by `shift`, with noise, errors, a mark and one number."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0.0, 10.0, 200)

    def curve(place: int, label: str) -> Curve:
        y = np.exp(-0.5 * (x - 3 - 2 * place - shift) ** 2) + 0.01 * rng.normal(size=len(x))
        return Curve(name=label, x=x.tolist(), y=y.tolist(), error=np.full(len(x), 0.02).tolist())

    values: dict[str, Any] = {
        "observable": name,
        "title": f"{name.capitalize()} of the liquid",
        "x_label": "r / Å",
        "y_label": "density / Å⁻¹",
        "curves": [curve(place, label) for place, label in enumerate(curves)],
        "scalars": [Scalar(key="centre", name="centre", value=3 + shift, error=0.1, unit="Å", theory=3.0)],
        "marks": {"Nyquist": 8.0},
        "caption": "Made from independent draws.",
    }
    return Result(**(values | changes))


def write_metrics(path: Path, epochs: int = 30) -> None:
    """Metrics of a training that gets better."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(METRICS.split())
        for epoch in range(epochs):
            loss = 0.5 * np.exp(-epoch / 6) + 0.01
            errors = 36 * loss, 70 * loss, 40 * loss, 80 * loss
            table.writerow([epoch, 10.0 * (epoch + 1), 0.01, 0, loss, 1.1 * loss, *errors])


def outcome(horizon_fs: float, **changes: Any) -> dict[str, Any]:
    """A rollout that came to its end, unless `changes` say otherwise."""
    return {
        "outcome": "completed",
        "reason": "",
        "step": 60,
        "steps_planned": 60,
        "time_ps": 0.06 * horizon_fs,
        "planned_ps": 0.06 * horizon_fs,
        "equilibration_ps": 0.01 * horizon_fs,
        "frames": 51,
        "horizon_fs": horizon_fs,
        "wall_s": 1.5,
        "ns_per_day": 0.8 * horizon_fs,
        "threads": 1,
        "device": "cpu",
        "backend": "dense",
        "atoms": 3 * WATERS,
        "ensemble": "NVT (CSVR)",
    } | changes


def write_reference(folder: Path) -> None:
    """Reference MD of 81 frames, its health and two NVE runs."""
    speed = {"steps_per_s": 1000.0, "ns_per_day": 43.2, "threads": 1}
    record = provenance("reference", REFERENCE, speed=speed)
    write_trajectory(folder / "nvt.h5md", frames=81, interval_fs=1.0, record=record, seed=1)
    rows = []
    for place, run in enumerate(["nve_1", "nve_2", "nvt"]):
        nve = run != "nvt"
        if nve:
            write_trajectory(folder / f"{run}.h5md", frames=61, interval_fs=1.0, record=record, seed=place + 2)
        rows.append(
            {
                "run": run,
                "ensemble": "NVE" if nve else "NVT (CSVR)",
                "duration_ps": 0.06,
                "frames": 61,
                "drift_meV_per_atom_per_ps": -0.0012 if nve else None,
                "temperature_K": 297.0 + 4 * place,
                "temperature_error_K": 2.5,
                "target_K": 300.0,
                "allowed_K": 20.0,
                "degrees_of_freedom": 9 * WATERS - 3,
                "passed": True,
            }
        )
    write_json(folder / "health.json", {"runs": rows})
    compared = {"quantity": "D of O", "unit": "1e-9 m²/s", "value": 2.01, "error": 0.22}
    compared |= {"published": 1.84, "published_error": 0.03, "source": "arXiv:2503.23794"}
    write_json(folder / "literature.json", {"comparisons": [compared]})


def models_of(folder: Path, *horizons_fs: float) -> dict[str, Path]:
    """Rollouts by their names with the folders of their models; of all horizons without any."""
    return {f"{horizon:g}fs": folder / f"{horizon:g}fs" / MODEL for horizon in horizons_fs or HORIZONS_FS}


def write_model(model: Path, horizon_fs: float) -> None:
    """The folder of a model that was trained, and tested."""
    settings = {"samples": 40, "seed": 1, "budget_minutes": 0.1}
    write_json(model / "training.yaml", settings)  # JSON is YAML
    write_json(
        model / "model.json",
        {
            "horizon_fs": horizon_fs,
            "species": [1, 8],
            "cutoff_A": 4.0,
            "network": {"channels": 4},
            "provenance": provenance("training", settings, dataset=provenance("dataset", {"seed": 1})),
            "training": {"epochs": 30, "minutes": 5.02, "stopped": "budget", "device": "cpu"},
            "parameters": 12345,
        },
    )
    write_metrics(model / "metrics.csv")
    test = {
        "horizon_fs": horizon_fs,
        "frames": 20,
        "displacement_mae_A": 1.2e-5 * horizon_fs**2,
        "velocity_mae_A_per_fs": 8.1e-6 * horizon_fs,
        "displacement_mae_percent": 0.61,
        "velocity_mae_percent": 1.234,
        "repeated_steps": {
            str(steps): {
                "starts": 40,
                "displacement_mae_percent": 0.5 * steps,
                "displacement_mae_percent_error": 0.02,
                "velocity_mae_percent": 1.5 * steps,
                "velocity_mae_percent_error": 0.04,
                "kinetic_energy": {
                    "1": {"change": 2.5e-4 * steps, "change_error": 1.2e-4},
                    "8": {"change": -3.1e-4 * steps, "change_error": 0.8e-4},
                },
            }
            for steps in (1, 10)
        },
    }
    write_json(model / "test.json", test)


def write_run(
    run: Path, horizon_fs: float, *, frames: int = 51, ended: dict[str, Any] | None = None, seed: int = 5
) -> None:
    """A rollout and what was observed on it; `frames` and `ended` describe one that stopped early."""
    record = provenance("rollout", {"temperature_K": 300.0, "seed": 1, "thermostat": "csvr"})
    write_trajectory(run / "rollout.h5md", frames=frames, interval_fs=horizon_fs, record=record, seed=seed)
    write_json(run / "outcome.json", outcome(horizon_fs, frames=frames, **(ended or {})))
    observed, empty, shift = run / "observables", frames < 2, 0.05 * horizon_fs
    rows = []
    for name in ("profile", "spectrum"):
        md, rollout = result(name, shift=0.0, seed=11), result(name, shift=shift, seed=12)
        if empty:
            missing = [Scalar(key="centre", name="centre", value=None, error=None, unit="Å", note="no frames")]
            rollout = result(name, shift=0.0, seed=12, curves=(), scalars=missing, note="not measured: no frames")
        for where, what in (("md", md), ("rollout", rollout)):
            (observed / where).mkdir(parents=True, exist_ok=True)
            what.save(observed / where / f"{name}.json")
        rows.append(scalar_row(name, None if empty else 3 + shift))
        rows.append(score_row(name, None if empty else 0.985 - 0.1 * shift))
    frames_of = {"md": "81 frames, 1 fs apart (0.08 ps)"}
    record = provenance("observables", {"blocks": 4})
    write_json(observed / "summary.json", {"provenance": record, "frames": frames_of, "reference": None, "rows": rows})


def scalar_row(observable: str, rollout: float | None, **changes: Any) -> dict[str, Any]:
    """The verdict on a number that is 3.00 ± 0.10 Å in MD and 3.02 ± 0.10 Å in the second MD run."""
    within = None if rollout is None else abs(rollout - 3.0) < 0.15
    row = {
        "observable": observable,
        "quantity": "centre",
        "unit": "Å",
        "md": 3.0,
        "md_error": 0.1,
        "rollout": rollout,
        "rollout_error": None if rollout is None else 0.1,
        "second": 3.02,
        "second_error": 0.1,
        "score": None,
        "ceiling": None,
        "within_error": within,
        "second_within_error": True,
        "tolerance": 0.2,
        "within_tolerance": None if within is None else YES if within else NO,
        "note": "",
    }
    return row | changes


def score_row(observable: str, score: float | None, **changes: Any) -> dict[str, Any]:
    """The verdict on a curve with which the second MD run scores 0.985."""
    within = None if score is None else score > 0.97
    row = dict.fromkeys(["md", "md_error", "rollout", "rollout_error", "second", "second_error"]) | {
        "observable": observable,
        "quantity": curve_quantity(observable, "O"),
        "unit": "",
        "score": score,
        "ceiling": 0.985,
        "ceiling_error": 0.003,
        "within_error": within,
        "second_within_error": True,
        "tolerance": 0.01,
        "within_tolerance": None if within is None else YES if within else NO,
        "note": "",
    }
    return row | changes


def write_folder(folder: Path) -> Path:
    """A whole results folder in which every rollout came to its end."""
    write_reference(folder / "reference")
    for name, model in models_of(folder).items():
        horizon_fs = float(name.removesuffix("fs"))
        write_model(model, horizon_fs)
        write_run(folder / "runs" / name, horizon_fs)
    return folder


def edit_json(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file."""
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | changes)
