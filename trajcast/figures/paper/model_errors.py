"""Test errors of all models of the paper's systems, and their decrease with the number of samples."""

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
    samples: int | None  # number of training pairs; None for a model that was not trained here
    seed: int | None
    displacement_A: float
    velocity_A_per_fs: float
    displacement_percent: float  # relative to the mean absolute value over the test set
    velocity_percent: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds with its standard error, which is None for one seed."""

    value: float
    error: float | None
    seeds: int


def model_error_sources(plan: Plan) -> dict[str, list[str]]:
    """Test errors and records of all models of the learning curves and of the main model at every horizon, by kind."""
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
    """The same if any system has learning curves, otherwise nothing."""
    configured = any(studies.learning(plan, system) for kind in KINDS if (system := system_of_kind(plan, kind)))
    return model_error_sources(plan) if configured else {}


def read_model_errors(paths: Iterable[str]) -> list[ModelErrors]:
    """Read every test.json in `paths`, with samples and seed from the model.json beside it."""
    errors = []
    for path in map(Path, paths):
        if path.name == layout.TEST_FILE:
            test = json.loads(path.read_text(encoding="utf-8"))
            record = json.loads((path.parent / layout.RECORD_FILE).read_text(encoding="utf-8"))
            shipped = record.get("name") in shipped_models()  # trained elsewhere, on other data
            settings = {} if shipped else (record.get("provenance") or {}).get("settings") or {}
            errors.append(
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
    return errors


def best_trained(errors: Sequence[ModelErrors], horizon_fs: float) -> list[ModelErrors]:
    """Models at one horizon: those not trained here, if any, otherwise all seeds with the most samples."""
    at_horizon = [error for error in errors if error.horizon_fs == horizon_fs]
    most = max((error.samples or 0 for error in at_horizon), default=0)
    elsewhere = [error for error in at_horizon if error.samples is None]
    return elsewhere or [error for error in at_horizon if error.samples == most]


def horizons(errors: Iterable[ModelErrors]) -> list[float]:
    """All horizons, in order."""
    return sorted({error.horizon_fs for error in errors})


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean and standard error of values from different seeds."""
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
    return {samples: over_seeds(seeds) for samples, seeds in sorted(values.items())}


def exponent(errors: Sequence[ModelErrors], horizon_fs: float, quantity: str) -> Estimate | None:
    """Exponent s of the power law error ∝ samples^s: mean over seeds and its standard error.

    The exponent of each seed is the slope of a least-squares line through the logarithms. Seeds without models of at
    least two numbers of samples are skipped; None if no seed is left.
    """
    slopes = []
    of_horizon = [error for error in errors if error.horizon_fs == horizon_fs and error.samples is not None]
    for seed in sorted({error.seed for error in of_horizon if error.seed is not None}):
        of_seed = [error for error in of_horizon if error.seed == seed]
        samples = np.array([error.samples for error in of_seed], dtype=np.float64)
        if len(set(samples)) > 1:
            slopes.append(power(samples, np.array([getattr(error, quantity) for error in of_seed])))
    return over_seeds(slopes) if slopes else None


def power(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Exponent s of y ∝ x^s from a least-squares fit of the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
