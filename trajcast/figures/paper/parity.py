"""Predicted and true velocities of test pairs for parity plots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray

from trajcast.core.device import use_device
from trajcast.data.dataset import read_dataset
from trajcast.model.store import load_model
from trajcast.training.batches import Batches

ATOMS = 2000  # approximate number of atoms to draw


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Components of the true and predicted new velocities (Å/fs) of some test pairs."""

    horizon_fs: float
    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    element: NDArray[np.str_]  # of the atom of each component


@torch.no_grad()
def parity(weights: Path, dataset: Path) -> Parity:
    """Predict the velocities of evenly spaced pairs of the test set."""
    model = load_model(weights, use_device("cpu", threads=1))
    pairs = read_dataset(dataset).split("test")
    count = min(len(pairs), max(1, ATOMS // pairs.spec.n_atoms))
    batches = Batches(pairs, model)
    true, predicted = [], []
    for index in np.linspace(0, len(pairs) - 1, count).astype(int):
        batch = batches.batch(np.array([index]))
        predicted.append(model(batch.state, batch.neighbors, batch.constants).velocity.double().numpy().ravel())
        true.append(batch.velocity.double().numpy().ravel())
    symbols = [chemical_symbols[z] for z in pairs.spec.numbers]
    return Parity(
        horizon_fs=model.scales.horizon_fs,
        true=np.concatenate(true),
        predicted=np.concatenate(predicted),
        element=np.tile(np.repeat(symbols, 3), count),
    )
