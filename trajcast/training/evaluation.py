"""Errors of a model over a set of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from trajcast.data.dataset import Dataset
from trajcast.errors import UserError
from trajcast.model.network import TrajCast
from trajcast.parallel import ALONE, Processes
from trajcast.progress import progress
from trajcast.training.batches import Batches
from trajcast.training.loss import Loss

ATOMS_TOGETHER = 1000  # in one forward pass: enough to keep a GPU busy


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Mean absolute errors over all atoms and Cartesian components."""

    displacement_mae: float  # Å
    velocity_mae: float  # Å/fs
    displacement_percent: float  # of the mean absolute displacement
    velocity_percent: float  # of the mean absolute new velocity
    loss: float | None  # where one was asked for


@torch.no_grad()
def errors(
    model: TrajCast,
    batches: Batches,
    loss: Loss | None = None,
    processes: Processes = ALONE,
) -> Errors:
    """Errors of `model` on all pairs, which the `processes` share, with the mean of `loss` where it is given."""
    size = max(1, ATOMS_TOGETHER // batches.pairs.topology.n_atoms)
    sums = torch.zeros(5, dtype=torch.float64, device=batches.device)
    with progress(f"errors at {model.scales.horizon_fs:g} fs", len(batches), unit="pairs") as advance:
        for start in range(0, len(batches), size):
            indices = np.arange(start, min(start + size, len(batches)))
            if start // size % processes.count == processes.rank:
                batch = batches.batch(indices)
                prediction = model(batch.state, batch.neighbors, batch.fixed)
                compared = [
                    prediction.displacement - batch.displacement,
                    prediction.velocity - batch.velocity,
                    batch.displacement,
                    batch.velocity,
                ]
                sums[:4] += len(indices) * torch.stack([x.abs().mean() for x in compared])
                if loss:
                    value = loss(prediction, batch.displacement, batch.velocity, batch.state.masses)
                    sums[4] += len(indices) * value
            advance(len(indices))
    processes.add_up(sums)
    mean = (sums / len(batches)).tolist()
    return Errors(
        displacement_mae=mean[0],
        velocity_mae=mean[1],
        displacement_percent=100 * mean[0] / mean[2],
        velocity_percent=100 * mean[1] / mean[3],
        loss=mean[4] if loss else None,
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
    found = errors(model, Batches(pairs, model))
    return {
        "horizon_fs": scales.horizon_fs,
        "frames": len(pairs),
        "displacement_mae_A": found.displacement_mae,
        "velocity_mae_A_per_fs": found.velocity_mae,
        "displacement_mae_percent": found.displacement_percent,
        "velocity_mae_percent": found.velocity_percent,
    }
