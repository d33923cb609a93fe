"""Progress of trainings and rollouts."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path

from trajcast.config.files import parse_yaml
from trajcast.config.settings import RolloutSettings, TrainingSettings
from trajcast.config.validation import read_settings, validate
from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.pipeline.status.states import JobState, Seen
from trajcast.training.schedule import time_left_s


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Validation of the last epoch."""

    epoch: int
    displacement_percent: float
    velocity_percent: float
    left_s: float  # upper bound of the remaining training time


@dataclass(frozen=True, kw_only=True)
class RolloutProgress:
    """Progress of a rollout after its equilibration."""

    ns: float
    planned_ns: float
    ending: str = ""  # if finished


def validation(seen: Seen) -> Validation | None:
    """Last validation of a training job; None before the first."""
    folder = Path(seen.job.outputs[0]).parent
    try:
        with open(folder / layout.METRICS_FILE, encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
            since_s = time.time() - (folder / layout.METRICS_FILE).stat().st_mtime
        settings = read_settings(TrainingSettings, folder / layout.TRAINING_SETTINGS_FILE)
    except (FileNotFoundError, UserError):
        return None
    if not rows:
        return None
    last = rows[-1]
    epoch = int(last["epoch"])
    passed_s = since_s if seen.state is JobState.RUNNING else 0.0
    left_s = max(0.0, time_left_s(settings, epoch, float(last["time_s"])) - passed_s)
    return Validation(
        epoch=epoch,
        displacement_percent=float(last["displacement_mae_percent"]),
        velocity_percent=float(last["velocity_mae_percent"]),
        left_s=0.0 if seen.state is JobState.DONE else left_s,
    )


def rollout_progress(seen: Seen) -> RolloutProgress | None:
    """Progress of a rollout; None before it begins."""
    outputs = [Path(output) for output in seen.job.outputs]
    outcome = next((path for path in outputs if path.name.startswith("outcome")), None)
    if outcome is None:
        return None
    if seen.state is JobState.DONE:
        result = json.loads(outcome.read_text(encoding="utf-8"))
        return RolloutProgress(
            ns=result["time_ps"] / 1000, planned_ns=result["planned_ps"] / 1000, ending=result["outcome"]
        )
    if not seen.record.get("total") or (settings := _rollout_settings(seen, outcome)) is None:
        return None
    share = seen.record["done"] / seen.record["total"]
    ps = max(0.0, share * (settings.duration_ps + settings.equilibration_ps) - settings.equilibration_ps)
    return RolloutProgress(ns=ps / 1000, planned_ns=settings.duration_ps / 1000)


def _rollout_settings(seen: Seen, outcome: Path) -> RolloutSettings | None:
    """What a rollout runs with; Snakemake removes the file with it from a failed job, which would run with the same."""
    try:
        return read_settings(RolloutSettings, outcome.with_name(layout.ROLLOUT_SETTINGS_FILE))
    except UserError:
        text = seen.job.options.get("settings")
        return None if text is None else validate(RolloutSettings, parse_yaml(text, "--settings"), "--settings")
