"""Training within a time budget, in instalments that resume from files small enough to transfer."""

from __future__ import annotations

import json
import logging
import shutil
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import parameters_to_vector

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.data.dataset import Dataset
from trajcast.io.files import atomic_write
from trajcast.model.store import load_model
from trajcast.training.checkpoint import read_checkpoint, write_checkpoint
from trajcast.training.loop import train

PART = 15_500_000  # bytes per part of a checkpoint
MODEL = "model.safetensors"
PRODUCTS = (MODEL, "model.json", "metrics.csv")
FIRST = 0.1  # fraction of the time spent on a first instalment
COOLDOWN = 0.7  # final fraction of the second one with falling learning rate; the next call starts high again
log = logging.getLogger(__name__)


def training_settings(network: NetworkSettings, dataset: Dataset) -> TrainingSettings:
    """The settings of all instalments: those with the fastest convergence in runs of minutes on an H200."""
    periodic = bool(dataset.spec.pbc.any())
    return TrainingSettings(
        network=replace(
            network, velocity_baseline=True, cutoff_A=6.0 if periodic else 4.0
        ),  # published for water, paracetamol
        samples=len(dataset.split("training")),
        seed=1,
        dtype="float32",
        optimizer="muon",
        learning_rate=0.02,
        batch_size=8 if periodic else 40,
        mass_weighted=True,
        warmup_updates=300,
        ema_decay=0.995,
        stop_patience=10**6,
        max_epochs=10**6,
    )


def train_until(
    until: float,
    settings: TrainingSettings,
    dataset: Dataset,
    folder: Path,
    work: Path,
    device: torch.device,
    backend: str,
) -> dict[str, Any]:
    """Train until about `until` (on `time.monotonic`), resuming from the checkpoint in `work` or `folder` if present.

    A short instalment measures the overhead beyond training itself; a second one uses the remaining time. Each writes
    its model, metrics and the parts of its checkpoint to `folder`.

    Returns:
        The training record of the model.
    """
    checkpoint = work / "checkpoint"
    if not checkpoint.exists():
        join_checkpoint(folder, checkpoint)
    saved = read_checkpoint(checkpoint)
    trained_s = saved.elapsed_s if saved else 0.0
    seconds, cooldown, record = FIRST * (until - time.monotonic()), 0.0, {}
    for _ in range(2):
        begin, whole_s = time.monotonic(), trained_s + seconds
        part = replace(settings, budget_minutes=whole_s / 60, cooldown=cooldown * seconds / whole_s)
        train(part, dataset, work / "model", device, backend=backend, checkpoint=checkpoint)
        for name in PRODUCTS:
            shutil.copyfile(work / "model" / name, folder / name)
        split_checkpoint(checkpoint, folder)
        record = json.loads((folder / "model.json").read_text(encoding="utf-8"))["training"]
        gained_s = 60 * record["minutes"] - trained_s
        overhead_s = time.monotonic() - begin - gained_s
        trained_s += gained_s
        seconds, cooldown = until - time.monotonic() - overhead_s, COOLDOWN
        if seconds < overhead_s:
            break
    return record


def split_checkpoint(checkpoint: Path, folder: Path) -> None:
    """Write a checkpoint to `folder` as checkpoint-1, -2, …, compressed, without what model.safetensors contains."""
    saved = read_checkpoint(checkpoint)
    if saved is None:
        return
    slim = checkpoint.with_name("slim")
    write_checkpoint(slim, replace(saved, best=None))
    data = zlib.compress(slim.read_bytes())
    slim.unlink()
    for old in _parts(folder):
        old.unlink()
    for number, start in enumerate(range(0, len(data), PART), 1):
        with atomic_write(folder / f"checkpoint-{number}") as temporary:
            temporary.write_bytes(data[start : start + PART])
    log.info("checkpoint: %.1f MB in %d parts", len(data) / 1e6, len(_parts(folder)))


def join_checkpoint(folder: Path, checkpoint: Path) -> None:
    """Reassemble `checkpoint` from its parts in `folder`, if there are any."""
    if not (parts := _parts(folder)):
        return
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(zlib.decompress(b"".join(part.read_bytes() for part in parts)))
    saved = read_checkpoint(checkpoint)
    assert saved is not None
    best = parameters_to_vector(load_model(folder / MODEL).parameters()).detach()
    write_checkpoint(checkpoint, replace(saved, best=best))


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"))
