"""Errors of a model over a set of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from trajcast.data.dataset import Dataset, Pairs, Statistics
from trajcast.errors import UserError
from trajcast.model.network import TrajCast
from trajcast.neighbors import find_neighbors
from trajcast.progress import progress
from trajcast.training.loss import relative_squared_errors


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Means over all atoms and Cartesian components."""

    displacement_mse: float  # in units of the training set's mean square
    velocity_mse: float  # likewise
    displacement_mae: float  # Å
    velocity_mae: float  # Å/fs
    displacement_percent: float  # MAE in % of the mean absolute displacement
    velocity_percent: float  # MAE in % of the mean absolute new velocity


@torch.no_grad()
def errors(model: TrajCast, pairs: Pairs, statistics: Statistics, batch_size: int = 1) -> Errors:
    """Errors of `model` on all `pairs`."""
    device = model.bessel.roots.device
    sums = np.zeros(6)
    with progress(f"errors at {model.scales.horizon_fs:g} fs", len(pairs), unit="pairs") as advance:
        for start in range(0, len(pairs), batch_size):
            indices = np.arange(start, min(start + batch_size, len(pairs)))
            state, displacement, velocity = pairs.batch(indices, device=device)
            prediction = model(state, find_neighbors(state, model.scales.cutoff))
            squared = relative_squared_errors(prediction, displacement, velocity, statistics)
            absolute = [
                prediction.displacement - displacement,
                prediction.velocity - velocity,
                displacement,
                velocity,
            ]
            sums += len(indices) * np.array([x.item() for x in squared] + [x.abs().mean().item() for x in absolute])
            advance(len(indices))
    mean = sums / len(pairs)
    return Errors(
        displacement_mse=mean[0],
        velocity_mse=mean[1],
        displacement_mae=mean[2],
        velocity_mae=mean[3],
        displacement_percent=100 * mean[2] / mean[4],
        velocity_percent=100 * mean[3] / mean[5],
    )


def evaluate(model: TrajCast, dataset: Dataset) -> dict[str, Any]:
    """The test errors as in Table S1 of arXiv:2503.23794; UserError when the data are not for this model."""
    scales = model.scales
    if dataset.horizon_fs != scales.horizon_fs:
        raise UserError(
            f"the model's horizon is {scales.horizon_fs:g} fs, the data set's {dataset.horizon_fs:g} fs; "
            "use a data set of the model's horizon"
        )
    pairs = dataset.split("test")
    found = errors(model, pairs, dataset.statistics)
    return {
        "horizon_fs": scales.horizon_fs,
        "frames": len(pairs),
        "displacement_mae_A": found.displacement_mae,
        "velocity_mae_A_per_fs": found.velocity_mae,
        "displacement_mae_percent": found.displacement_percent,
        "velocity_mae_percent": found.velocity_percent,
    }
