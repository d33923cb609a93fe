"""Test errors of all trained models of the paper's systems, and how they fall with the number of samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trajcast.figures.paper import KINDS, system_of_kind
from trajcast.io import layout
from trajcast.observables.blocks import standard_error
from trajcast.pipeline import studies
from trajcast.shipped import names as shipped_models

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan


@dataclass(frozen=True, kw_only=True)
class ModelErrors:
    """Mean absolute errors of one model on its test set."""

    horizon_fs: float
    samples: int | None  # pairs that it was trained on; None for a model that was not trained here
    seed: int | None
    displacement_A: float
    velocity_A_per_fs: float
    displacement_percent: float  # of the mean absolute value over the test set
    velocity_percent: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds; without an error where there is one seed."""

    value: float
    error: float | None
    seeds: int


def model_error_sources(plan: Plan) -> dict[str, list[str]]:
    """test.json of every model of the learning curves, and of the configured one at every horizon, kind by kind."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        if system := system_of_kind(plan, kind):
            folders = [plan.model_folder(system, *model) for model in studies.learning(plan, system)]
            folders += [plan.main_model_folder(system, horizon) for horizon in plan.horizons(system)]
            found[kind] = [
                f"{folder}/{name}"
                for folder in dict.fromkeys(folders)
                for name in (layout.TEST_FILE, layout.RECORD_FILE)
            ]
    return found


def learning_sources(plan: Plan) -> dict[str, list[str]]:
    """The same where learning curves are asked for; nothing where no system has one."""
    asked = any(studies.learning(plan, system) for kind in KINDS if (system := system_of_kind(plan, kind)))
    return model_error_sources(plan) if asked else {}


def read_model_errors(paths: Iterable[str]) -> list[ModelErrors]:
    """The errors in every test.json of `paths`, with samples and seed from the model.json beside it."""
    found = []
    for path in map(Path, paths):
        if path.name == layout.TEST_FILE:
            test = json.loads(path.read_text(encoding="utf-8"))
            card = json.loads((path.parent / layout.RECORD_FILE).read_text(encoding="utf-8"))
            shipped = card.get("name") in shipped_models()  # trained, but neither here nor on these data
            settings = {} if shipped else (card.get("provenance") or {}).get("settings") or {}
            found.append(
                ModelErrors(
                    horizon_fs=test["horizon_fs"],
                    samples=settings.get("samples"),
                    seed=settings.get("seed"),
                    displacement_A=test["displacement_mae_A"],
                    velocity_A_per_fs=test["velocity_mae_A_per_fs"],
                    displacement_percent=test["displacement_mae_percent"],
                    velocity_percent=test["velocity_mae_percent"],
                )
            )
    return found


def best_trained(errors: Sequence[ModelErrors], horizon_fs: float) -> list[ModelErrors]:
    """All seeds of the models with the most samples at a horizon; those that were not trained here where there are."""
    here = [error for error in errors if error.horizon_fs == horizon_fs]
    most = max((error.samples or 0 for error in here), default=0)
    return [error for error in here if error.samples is None] or [e for e in here if e.samples == most]


def horizons(errors: Iterable[ModelErrors]) -> list[float]:
    """All horizons, in order."""
    return sorted({error.horizon_fs for error in errors})


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean and standard error."""
    array = np.array(values, dtype=np.float64)
    return Estimate(
        value=float(array.mean()), error=float(standard_error(array)) if len(array) > 1 else None, seeds=len(array)
    )


def curve(errors: Sequence[ModelErrors], horizon_fs: float, quantity: str) -> dict[int, Estimate]:
    """A learning curve: number of samples → mean of the quantity (an attribute of `ModelErrors`) over seeds."""
    values: dict[int, list[float]] = {}
    for error in errors:
        if error.horizon_fs == horizon_fs and error.samples is not None:
            values.setdefault(error.samples, []).append(getattr(error, quantity))
    return {samples: over_seeds(found) for samples, found in sorted(values.items())}


def exponent(errors: Sequence[ModelErrors], horizon_fs: float, quantity: str) -> Estimate | None:
    """s of the power law error ∝ samples^s: the mean of the seeds' slopes and its standard error.

    Each seed's slope is that of the least-squares line through the logarithms. Only seeds with models of at least two
    sizes count; None where there is none.
    """
    slopes = []
    of_horizon = [error for error in errors if error.horizon_fs == horizon_fs and error.samples is not None]
    for seed in sorted({error.seed for error in of_horizon if error.seed is not None}):
        own = [error for error in of_horizon if error.seed == seed]
        samples = np.array([error.samples for error in own], dtype=np.float64)
        if len(set(samples)) > 1:
            slopes.append(power(samples, np.array([getattr(error, quantity) for error in own])))
    return over_seeds(slopes) if slopes else None


def power(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """s of y ∝ x^s by least squares of the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
