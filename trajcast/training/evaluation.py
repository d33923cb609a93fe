"""Errors of a model over a set of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from trajcast.data.dataset import Dataset, Pairs
from trajcast.errors import UserError
from trajcast.model.network import TrajCast
from trajcast.neighbors import find_neighbors
from trajcast.progress import progress
from trajcast.training.loss import Loss


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Mean absolute errors over all atoms and Cartesian components."""

    displacement_mae: float  # Å
    velocity_mae: float  # Å/fs
    displacement_percent: float  # of the mean absolute displacement
    velocity_percent: float  # of the mean absolute new velocity
    loss: float | None  # where one was asked for


@torch.no_grad()
def errors(model: TrajCast, pairs: Pairs, loss: Loss | None = None, batch_size: int = 1) -> Errors:
    """Errors of `model` on all `pairs`, with the mean of `loss` over batches where it is given."""
    device = model.bessel.roots.device
    sums = np.zeros(5)
    with progress(f"errors at {model.scales.horizon_fs:g} fs", len(pairs), unit="pairs") as advance:
        for start in range(0, len(pairs), batch_size):
            indices = np.arange(start, min(start + batch_size, len(pairs)))
            state, displacement, velocity = pairs.batch(indices, device=device)
            prediction = model(state, find_neighbors(state, model.scales.cutoff))
            absolute = [
                prediction.displacement - displacement,
                prediction.velocity - velocity,
                displacement,
                velocity,
            ]
            value = loss(prediction, displacement, velocity, state.masses).item() if loss else 0.0
            sums += len(indices) * np.array([value] + [x.abs().mean().item() for x in absolute])
            advance(len(indices))
    mean = (sums / len(pairs)).tolist()  # plain numbers: they go into checkpoints
    return Errors(
        displacement_mae=mean[1],
        velocity_mae=mean[2],
        displacement_percent=100 * mean[1] / mean[3],
        velocity_percent=100 * mean[2] / mean[4],
        loss=mean[0] if loss else None,
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
    found = errors(model, pairs)
    return {
        "horizon_fs": scales.horizon_fs,
        "frames": len(pairs),
        "displacement_mae_A": found.displacement_mae,
        "velocity_mae_A_per_fs": found.velocity_mae,
        "displacement_mae_percent": found.displacement_percent,
        "velocity_mae_percent": found.velocity_percent,
    }
