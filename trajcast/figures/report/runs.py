"""A rollout as shown on the page: its model, its outcome and its observables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError
from trajcast.core.units import PS
from trajcast.figures.numbers import duration
from trajcast.figures.report.required import check_rows, existing, read_json
from trajcast.io import layout
from trajcast.io.formats import model_record
from trajcast.io.trajectory import Trajectory
from trajcast.observables.result import Result, load_result
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series

TEMPERATURE_FRAMES = 2000  # maximum number in the temperature series of a trajectory

OUTCOME_KEYS = [
    "outcome",
    "reason",
    "step",
    "steps_planned",
    "time_ps",
    "planned_ps",
    "equilibration_ps",
    "frames",
    "horizon_fs",
    "ns_per_day",
    "threads",
    "device",
    "backend",
    "atoms",
    "ensemble",
]
TEST_KEYS = [
    "frames",
    "displacement_mae_A",
    "velocity_mae_A_per_fs",
    "displacement_mae_percent",
    "velocity_mae_percent",
]
MODEL_KEYS = ["horizon_fs", "parameters"]  # all that is required of imported and foreign models
METRICS_COLUMNS = [
    "time_s",
    "skipped_updates",
    "training_loss",
    "validation_loss",
    "training_velocity_mae_percent",
    "displacement_mae_percent",
    "velocity_mae_percent",
]
SUMMARY_KEYS = ["rows"]
ROW_KEYS = [
    "observable",
    "quantity",
    "unit",
    "md",
    "md_error",
    "rollout",
    "rollout_error",
    "second",
    "second_error",
    "score",
    "ceiling",
    "within_error",
    "second_within_error",
    "tolerance",
    "within_tolerance",
]


@dataclass(frozen=True, kw_only=True)
class TemperatureSeries:
    """Kinetic temperature of evenly spaced frames of a trajectory."""

    times_ps: NDArray[np.float64]
    kelvin: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """One rollout: its model with the test errors, its outcome and its observables."""

    name: str
    horizon_fs: float
    model_folder: str  # its name
    model: dict[str, Any]
    metrics: dict[str, NDArray[np.float64]] | None  # None for a model that was not trained here
    test: dict[str, Any]
    outcome: dict[str, Any]
    provenance: dict[str, dict[str, Any]]  # by stage: dataset, training, rollout, observables
    temperature: TemperatureSeries
    summary: list[dict[str, Any]]
    md: dict[str, Result]
    rollout: dict[str, Result]
    md_frames: str  # the analysed frames of the reference MD, in words
    shipped: dict[str, Any] | None  # record of the summary used as reference MD; None if the MD was run here

    @property
    def title(self) -> str:
        """Name of the rollout in figures and tables."""
        horizon = f"Δt = {self.horizon_fs:g} fs"
        return horizon if self.name == f"{self.horizon_fs:g}fs" else f"{self.name}, {horizon}"

    @property
    def parameters(self) -> int | None:
        """Number of parameters of the model; None if unknown."""
        count = self.model["parameters"]
        return count if isinstance(count, int) else None

    @property
    def training_minutes(self) -> float | None:
        """Training time of the model; None if unknown."""
        return _number(self._training.get("minutes"))

    @property
    def training_effort(self) -> str:
        """Training time, or else number of updates, and device; empty if unknown."""
        minutes, updates, device = self.training_minutes, *map(self._training.get, ("updates", "device"))
        effort = duration(60 * minutes) if minutes is not None else f"{updates} updates" if _number(updates) else ""
        return f"{effort}, {device}" if effort and isinstance(device, str) else effort

    @property
    def _training(self) -> dict[str, Any]:
        return _mapping(self.model.get("training"))


def read_run(folder: Path, name: str, model: Path, start: Path) -> ReportedRun:
    """Read one rollout of a system's results folder.

    Args:
        model: Folder of its model.
        start: Trajectory that it starts from.

    Raises:
        UserError: If a file is missing or malformed, or if the rollout has another horizon than the model.
    """
    run = folder / "runs" / name
    weights, rollout, observed = model / layout.WEIGHTS_FILE, run / layout.ROLLOUT_FILE, run / "observables"
    data = model.parent / layout.DATASET_FILE
    by_train = f"trajcast train --settings {model / layout.TRAINING_SETTINGS_FILE} --dataset {data} --output {model}"
    by_evaluate = f"trajcast evaluate --model {weights} --dataset {data} --output {model / layout.TEST_FILE}"
    by_rollout = (
        f"trajcast rollout --settings {run / layout.ROLLOUT_SETTINGS_FILE} --model {weights} --start "
        f"{start} --output {rollout} --outcome {run / layout.OUTCOME_FILE}"
    )
    by_observe = (
        f"trajcast observe --settings {run}/observables.yaml --reference-settings "
        f"{folder}/reference/reference.yaml --md {folder}/reference/nvt.h5md --rollout {rollout} --output {observed}"
    )
    record = read_json(model / layout.RECORD_FILE, MODEL_KEYS, by_train, model_record)
    outcome = read_json(run / layout.OUTCOME_FILE, OUTCOME_KEYS, by_rollout)
    horizon_fs = outcome["horizon_fs"]
    model_fs = _number(record["horizon_fs"])
    if model_fs is not None and abs(model_fs - horizon_fs) > 1e-6:
        raise UserError(
            f"{model / layout.RECORD_FILE}: the horizon of the model is {model_fs:g} fs, but {run} was rolled out "
            f"with {horizon_fs:g} fs; make the rollout again with: {by_rollout}"
        )
    summary = read_json(observed / layout.SUMMARY_FILE, SUMMARY_KEYS, by_observe)
    check_rows(observed / layout.SUMMARY_FILE, summary["rows"], ROW_KEYS, by_observe)
    with Trajectory(existing(rollout, by_rollout)) as trajectory:
        of_rollout, series = trajectory.provenance, _temperature(trajectory)
    training = _mapping(record.get("provenance"))
    provenance = {
        "dataset": training.get("dataset"),
        "training": training,
        "rollout": of_rollout,
        "observables": summary.get("provenance"),
    }
    trained_here = any((model / made).exists() for made in (layout.TRAINING_SETTINGS_FILE, layout.METRICS_FILE))
    return ReportedRun(
        name=name,
        horizon_fs=horizon_fs,
        model_folder=model.name,
        model=record,
        metrics=_read_metrics(model / layout.METRICS_FILE, by_train) if trained_here else None,
        test=read_json(model / layout.TEST_FILE, TEST_KEYS, by_evaluate),
        outcome=outcome,
        provenance={stage: origin for stage, origin in provenance.items() if _is_complete(origin)},
        temperature=series,
        summary=summary["rows"],
        md=_read_results(observed / "md"),
        rollout=_read_results(observed / "rollout"),
        md_frames=(summary.get("frames") or {}).get("md", ""),
        shipped=summary.get("reference"),
    )


def _is_complete(record: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a record has all that the appendix shows; records of imported, shipped and foreign models may not."""
    required = (("settings", dict), ("versions", dict), ("machine", dict))
    return isinstance(record, dict) and all(isinstance(record.get(name), kind) for name, kind in required)


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_metrics(path: Path, made_by: str) -> dict[str, NDArray[np.float64]]:
    with open(existing(path, made_by), encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        missing = [name for name in METRICS_COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise UserError(f"{path}: lacks the column(s) {', '.join(missing)}; make it again with: {made_by}")
        rows = list(reader)
    try:
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in METRICS_COLUMNS}
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: not a table of numbers ({error}); make it again with: {made_by}") from None


def _read_results(folder: Path) -> dict[str, Result]:
    results = {}
    for path in sorted(folder.glob("*.json")):
        try:
            results[path.stem] = load_result(path)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: not an observable's result ({error}); run trajcast observe again") from None
    return results


def _temperature(trajectory: Trajectory) -> TemperatureSeries:
    """Kinetic temperature of at most `TEMPERATURE_FRAMES` evenly spaced frames; empty for an empty trajectory."""
    stride = max(1, -(-len(trajectory) // TEMPERATURE_FRAMES))
    return TemperatureSeries(
        times_ps=trajectory.times[::stride] / PS, kelvin=temperature_series(trajectory, stride)[ALL_ATOMS]
    )
