"""Errors of a model over a set of pairs."""

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

ATOMS_TOGETHER = 1000  # in one forward pass: enough to keep a GPU busy


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Mean absolute errors over all atoms and Cartesian components."""

    displacement_mae: float  # Å
    velocity_mae: float  # Å/fs
    displacement_percent: float  # of the mean absolute displacement
    velocity_percent: float  # of the mean absolute new velocity
    loss: float  # not a number where none was asked for


@torch.no_grad()
def errors(
    model: TrajCast,
    batches: Batches,
    loss: Loss | None = None,
    processes: Processes = SINGLE_PROCESS,
) -> Errors:
    """Errors of `model` on all pairs, which the `processes` share, with the mean of `loss` where it is given."""
    size = max(1, ATOMS_TOGETHER // batches.pairs.spec.n_atoms)
    sums = torch.zeros(5, dtype=torch.float64, device=batches.device)
    with progress(f"errors at {model.scales.horizon_fs:g} fs", len(batches), unit="pairs") as advance:
        for start in range(0, len(batches), size):
            indices = np.arange(start, min(start + size, len(batches)))
            if start // size % processes.count == processes.rank:
                batch = batches.batch(indices)
                prediction = model(batch.state, batch.neighbors, batch.constants)
                sums[:4] += len(indices) * _compared(prediction, batch.displacement, batch.velocity)
                if loss:
                    value = loss(prediction, batch.displacement, batch.velocity, batch.state.masses)
                    sums[4] += len(indices) * value
            advance(len(indices))
    processes.all_reduce(sums)
    *mean, mean_loss = (sums / len(batches)).tolist()
    return _errors(mean, mean_loss if loss else math.nan)


def _compared(
    prediction: Prediction, displacement: Float[Tensor, "atoms 3"], velocity: Float[Tensor, "atoms 3"]
) -> Float[Tensor, " means"]:
    """Mean absolute errors of displacement and velocity, and mean absolute values of the true ones."""
    errors = [prediction.displacement - displacement, prediction.velocity - velocity]
    return torch.stack([x.abs().mean() for x in (*errors, displacement, velocity)])


def _errors(mean: Sequence[float], loss: float) -> Errors:
    """From the means of what `_compared` gives."""
    return Errors(
        displacement_mae=mean[0],
        velocity_mae=mean[1],
        displacement_percent=100 * mean[0] / mean[2],
        velocity_percent=100 * mean[1] / mean[3],
        loss=loss,
    )


@torch.no_grad()
def evaluate(model: TrajCast, dataset: Dataset) -> dict[str, Any]:
    """The test errors as in Table S1 of arXiv:2503.23794; UserError when the data are not for this model."""
    horizon_fs = model.scales.horizon_fs
    if math.isnan(horizon_fs):
        raise UserError(
            "the model's file does not say its horizon; if it is the data set's, import it again with "
            f"--horizon-fs {dataset.horizon_fs:g}"
        )
    if dataset.horizon_fs != horizon_fs:
        raise UserError(
            f"the model's horizon is {horizon_fs:g} fs, the data set's {dataset.horizon_fs:g} fs; "
            "use a data set of the model's horizon"
        )
    pairs = dataset.split("test")
    batches = Batches(pairs, model)
    record = _record(errors(model, batches), len(pairs))
    return {"horizon_fs": horizon_fs, **record, "kinetic_energy": _balance(model, batches)}


def _balance(model: TrajCast, batches: Batches) -> dict[str, dict[str, float]]:
    """What a step does to the kinetic energy of each element, over all pairs."""
    size = max(1, ATOMS_TOGETHER // batches.pairs.spec.n_atoms)
    predicted = []
    for start in range(0, len(batches), size):
        batch = batches.batch(np.arange(start, min(start + size, len(batches))))
        predicted.append(model(batch.state, batch.neighbors, batch.constants).velocity.cpu().double().numpy())
    true = batches.pairs.new_velocities
    return kinetic_balance(np.concatenate(predicted).reshape(true.shape), true, batches.pairs.spec.numbers)


@torch.no_grad()
def evaluate_pairs(model: TrajCast, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The same of pairs of any systems, on the device of `model`; every atom counts alike."""
    sums = torch.zeros(4, dtype=torch.float64, device=model.device)
    with progress("errors", len(pairs), unit="frames") as advance:
        for some in _together(pairs):
            state = join([pair[0] for pair in some]).to(device=model.device)
            displacement = torch.cat([pair[1] for pair in some]).to(model.device)
            velocity = torch.cat([pair[2] for pair in some]).to(model.device)
            prediction = model(state, find_neighbors(state, model.scales.cutoff))
            sums += state.n_atoms * _compared(prediction, displacement, velocity)
            advance(len(some))
    atoms = sum(state.n_atoms for state, _, _ in pairs)
    mean = (sums / atoms).tolist()
    if 0 in mean[2:]:
        raise UserError("no atom moves in these frames, or all stop: there is nothing to compare errors with")
    return _record(_errors(mean, math.nan), len(pairs))


def _together(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    """As many at a time as one forward pass takes."""
    some: list[Pair] = []
    for pair in pairs:
        if some and sum(state.n_atoms for state, _, _ in (*some, pair)) > ATOMS_TOGETHER:
            yield some
            some = []
        some.append(pair)
    yield some


def _record(found: Errors, frames: int) -> dict[str, Any]:
    return {
        "frames": frames,
        "displacement_mae_A": found.displacement_mae,
        "velocity_mae_A_per_fs": found.velocity_mae,
        "displacement_mae_percent": found.displacement_percent,
        "velocity_mae_percent": found.velocity_percent,
    }
