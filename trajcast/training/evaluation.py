"""Prediction errors of a model on a set of pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.parallel import SINGLE_PROCESS, Processes
from trajcast.core.state import join
from trajcast.data.dataset import Dataset
from trajcast.io.progress import progress
from trajcast.model.network import Prediction, TrajCast
from trajcast.training.balance import kinetic_balance
from trajcast.training.batches import Batches
from trajcast.training.loss import Loss

if TYPE_CHECKING:
    from jaxtyping import Float

    from trajcast.data.extxyz import Pair

ATOMS_PER_PASS = 1000  # per forward pass: enough to keep a GPU busy


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Mean absolute errors over all atoms and Cartesian components."""

    displacement_mae: float  # Å
    velocity_mae: float  # Å/fs
    displacement_percent: float  # of the mean absolute displacement
    velocity_percent: float  # of the mean absolute new velocity
    loss: float  # NaN if not computed


@torch.no_grad()
def errors(
    model: TrajCast,
    batches: Batches,
    loss: Loss | None = None,
    processes: Processes = SINGLE_PROCESS,
) -> Errors:
    """Errors of `model` on all pairs, divided among `processes`, with the mean of `loss` if given."""
    size = max(1, ATOMS_PER_PASS // batches.pairs.spec.n_atoms)
    sums = torch.zeros(5, dtype=torch.float64, device=batches.device)
    with progress(f"errors at {model.scales.horizon_fs:g} fs", len(batches), unit="pairs") as advance:
        for start in range(0, len(batches), size):
            indices = np.arange(start, min(start + size, len(batches)))
            if start // size % processes.count == processes.rank:
                batch = batches.batch(indices)
                prediction = model(batch.state, batch.neighbors, batch.constants)
                sums[:4] += len(indices) * _mean_absolute(prediction, batch.displacement, batch.velocity)
                if loss:
                    value = loss(prediction, batch.displacement, batch.velocity, batch.state.masses)
                    sums[4] += len(indices) * value
            advance(len(indices))
    processes.all_reduce(sums)
    *mean, mean_loss = (sums / len(batches)).tolist()
    return _errors(mean, mean_loss if loss else math.nan)


def _mean_absolute(
    prediction: Prediction, displacement: Float[Tensor, "atoms 3"], velocity: Float[Tensor, "atoms 3"]
) -> Float[Tensor, " means"]:
    """Mean absolute errors of displacement and velocity, then the mean absolute values of their targets."""
    errors = [prediction.displacement - displacement, prediction.velocity - velocity]
    return torch.stack([x.abs().mean() for x in (*errors, displacement, velocity)])


def _errors(mean: Sequence[float], loss: float) -> Errors:
    """Errors from averages of `_mean_absolute`."""
    return Errors(
        displacement_mae=mean[0],
        velocity_mae=mean[1],
        displacement_percent=100 * mean[0] / mean[2],
        velocity_percent=100 * mean[1] / mean[3],
        loss=loss,
    )


@torch.no_grad()
def evaluate(model: TrajCast, dataset: Dataset) -> dict[str, Any]:
    """Errors on the test split, as in Table S1 of arXiv:2503.23794, and the kinetic energy balance of each element.

    Raises:
        UserError: If the horizons of model and data set differ, or if the model does not state its horizon.
    """
    horizon_fs = model.scales.horizon_fs
    if math.isnan(horizon_fs):
        raise UserError(
            "the model file does not state its horizon; if it is that of the data set, import the model again with "
            f"--horizon-fs {dataset.horizon_fs:g}"
        )
    if dataset.horizon_fs != horizon_fs:
        raise UserError(
            f"the model's horizon is {horizon_fs:g} fs, the data set's {dataset.horizon_fs:g} fs; "
            "use a data set with the horizon of the model"
        )
    pairs = dataset.split("test")
    batches = Batches(pairs, model)
    record = _record(errors(model, batches), len(pairs))
    return {"horizon_fs": horizon_fs, **record, "kinetic_energy": _balance(model, batches)}


def _balance(model: TrajCast, batches: Batches) -> dict[str, dict[str, float]]:
    """Kinetic energy balance of each element over all pairs."""
    size = max(1, ATOMS_PER_PASS // batches.pairs.spec.n_atoms)
    predicted = []
    for start in range(0, len(batches), size):
        batch = batches.batch(np.arange(start, min(start + size, len(batches))))
        predicted.append(model(batch.state, batch.neighbors, batch.constants).velocity.cpu().double().numpy())
    true = batches.pairs.new_velocities
    return kinetic_balance(np.concatenate(predicted).reshape(true.shape), true, batches.pairs.spec.numbers)


@torch.no_grad()
def evaluate_pairs(model: TrajCast, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Errors on pairs of arbitrary systems, averaged over all atoms.

    Raises:
        UserError: If the true displacements or velocities are all zero.
    """
    sums = torch.zeros(4, dtype=torch.float64, device=model.device)
    with progress("errors", len(pairs), unit="frames") as advance:
        for group in _groups(pairs):
            state = join([pair[0] for pair in group]).to(device=model.device)
            displacement = torch.cat([pair[1] for pair in group]).to(model.device)
            velocity = torch.cat([pair[2] for pair in group]).to(model.device)
            prediction = model(state, find_neighbors(state, model.scales.cutoff))
            sums += state.n_atoms * _mean_absolute(prediction, displacement, velocity)
            advance(len(group))
    atoms = sum(state.n_atoms for state, _, _ in pairs)
    mean = (sums / atoms).tolist()
    if 0 in mean[2:]:
        raise UserError("no atom moves in these frames, or all atoms stop: relative errors are undefined")
    return _record(_errors(mean, math.nan), len(pairs))


def _groups(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    """Consecutive pairs, as many at a time as fit into one forward pass."""
    group: list[Pair] = []
    for pair in pairs:
        if group and sum(state.n_atoms for state, _, _ in (*group, pair)) > ATOMS_PER_PASS:
            yield group
            group = []
        group.append(pair)
    yield group


def _record(result: Errors, frames: int) -> dict[str, Any]:
    return {
        "frames": frames,
        "displacement_mae_A": result.displacement_mae,
        "velocity_mae_A_per_fs": result.velocity_mae,
        "displacement_mae_percent": result.displacement_percent,
        "velocity_mae_percent": result.velocity_percent,
    }
