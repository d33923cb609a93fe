"""Training that can be killed at any moment and goes on to the same weights."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trajcast import __version__
from trajcast.data.dataset import Dataset, Pairs
from trajcast.errors import UserError
from trajcast.files import fingerprint
from trajcast.model.network import TrajCast
from trajcast.model.store import save_model
from trajcast.neighbors import find_neighbors
from trajcast.progress import progress
from trajcast.provenance import provenance
from trajcast.settings import Training
from trajcast.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from trajcast.training.evaluation import Errors, errors
from trajcast.training.initialization import scale_weights
from trajcast.training.loss import loss_of
from trajcast.training.metrics import tensorboard, write_csv
from trajcast.training.scales import scales_of
from trajcast.training.schedule import after_epoch, begin, rate, stop_reason

CHECKPOINT_EVERY_S = 60.0
INITIAL_PAIRS = 4  # that the initial weights are scaled on
log = logging.getLogger(__name__)


def train(
    settings: Training,
    dataset: Dataset,
    folder: Path,
    device: torch.device | str = "cpu",
    *,
    backend: str | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Train on `dataset` and write model.safetensors, model.json and metrics.csv to `folder`.

    The weights kept are the averaged ones of the epoch with the lowest validation loss. A checkpoint in a hidden file
    beside `folder` is continued when settings and data are the same, and removed at the end. One process at a time:
    commands hold `files.sole_writer`.

    A `checkpoint` given by its path is continued even if its settings were others, and kept at the end: training in
    instalments, each with a larger budget. `backend`: its name in `trajcast.model.ops`; without it the best is taken.
    """
    pairs, validation = dataset.split("training"), dataset.split("validation")
    if settings.samples > len(pairs):
        raise UserError(f"training.samples {settings.samples} exceed the {len(pairs)} of the data set; lower them")
    identity = fingerprint(
        __version__, asdict(settings), dataset.horizon_fs, dataset.cutoff_A, dict(dataset.provenance)
    )
    path = checkpoint or folder.parent / f".{folder.name}.{identity}.checkpoint"
    run = _Run(settings, dataset, device, backend)
    saved = read_checkpoint(path)
    if saved is not None:
        run.restore(saved)
        log.info("%s goes on after batch %d from %s", run.label, run.batch, path)
    with tensorboard(folder, run.rows) as show:
        while (reason := stop_reason(run.schedule, run.epoch, run.elapsed_s, settings)) is None:
            run.train_epoch(pairs, path)
            run.end_epoch(errors(run.averaged, validation, run.loss, settings.batch_size))
            write_checkpoint(path, run.checkpoint())
            write_csv(folder / "metrics.csv", run.rows)
            show(run.rows[-1])
    write_csv(folder / "metrics.csv", run.rows)  # again: all epochs may be an earlier process's
    run.averaged.load_state_dict(run.best)
    record = {"epochs": run.epoch, "minutes": run.elapsed_s / 60, "stopped": reason, "device": str(device)}
    save_model(
        folder / "model.safetensors",
        run.averaged,
        provenance=provenance("train", asdict(settings), dataset=dict(dataset.provenance)),
        training=record,
    )
    if checkpoint is None:
        path.unlink(missing_ok=True)
    log.info(
        "training at %g fs: %s after %d epochs, %.1f minutes", dataset.horizon_fs, reason, run.epoch, run.elapsed_s / 60
    )


class _Run:
    """Everything that changes while training."""

    def __init__(self, settings: Training, dataset: Dataset, device: torch.device | str, backend: str | None):
        self.settings, self.dataset, self.device = settings, dataset, device
        rng = torch.Generator().manual_seed(settings.seed)
        model = TrajCast(settings.network, scales_of(dataset, settings), rng)
        sample, _, _ = dataset.split("training").batch(np.arange(min(INITIAL_PAIRS, settings.samples)))
        scale_weights(model, sample, find_neighbors(sample, dataset.cutoff_A))
        self.model = model.to(device=device, dtype=getattr(torch, settings.dtype))
        self.model.backend = backend
        self.averager = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay))
        self.loss = loss_of(dataset, settings)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=settings.learning_rate, amsgrad=True, fused=True)
        self.schedule = begin(settings)
        self.epoch = self.batch = 0  # finished epochs, and finished batches of the current one
        self.loss_sum = 0.0
        self.elapsed_s = 0.0  # training time, that of earlier processes included
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}

    @property
    def averaged(self) -> TrajCast:
        """The model with running averages of the weights."""
        return cast(TrajCast, self.averager.module)

    @property
    def label(self) -> str:
        """What is going on, to tell the lines of runs side by side apart."""
        return f"training at {self.dataset.horizon_fs:g} fs, epoch {self.epoch + 1}"

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            model=self.model.state_dict(),
            averaged=self.averager.state_dict(),
            optimizer=self.optimizer.state_dict(),
            best=self.best,
            schedule=self.schedule,
            epoch=self.epoch,
            batch=self.batch,
            loss_sum=self.loss_sum,
            elapsed_s=self.elapsed_s,
            rows=self.rows,
        )

    def restore(self, saved: Checkpoint) -> None:
        self.model.load_state_dict(saved.model)
        self.averager.load_state_dict(saved.averaged)
        self.optimizer.load_state_dict(saved.optimizer)
        self.best, self.schedule = saved.best, saved.schedule
        self.epoch, self.batch, self.loss_sum = saved.epoch, saved.batch, saved.loss_sum
        self.elapsed_s, self.rows = saved.elapsed_s, saved.rows

    def train_epoch(self, pairs: Pairs, path: Path) -> None:
        """Updates over the rest of the current epoch, or until the budget is used."""
        settings = self.settings
        order = np.random.default_rng((settings.seed, self.epoch)).permutation(settings.samples)
        batches = math.ceil(settings.samples / settings.batch_size)
        last_save = last = time.monotonic()
        with progress(self.label, batches, done=self.batch, unit="batches") as advance:
            while self.batch < batches and self._budget_used() < 1:
                chosen = order[self.batch * settings.batch_size : (self.batch + 1) * settings.batch_size]
                self._update(pairs, np.sort(chosen), batches)
                self.batch += 1
                now = time.monotonic()
                self.elapsed_s, last = self.elapsed_s + now - last, now
                advance(1)
                # not once the budget is used: a run that goes on from there would stop before validation
                if now - last_save > CHECKPOINT_EVERY_S and self._budget_used() < 1:
                    write_checkpoint(path, self.checkpoint())
                    last_save = now

    def _update(self, pairs: Pairs, chosen: np.ndarray, batches: int) -> None:
        settings = self.settings
        updates = self.epoch * batches + self.batch
        state, displacement, velocity = pairs.batch(chosen, device=self.device)
        prediction = self.model(state, find_neighbors(state, self.dataset.cutoff_A))
        value = self.loss(prediction, displacement, velocity, state.masses)
        self._check_finite("training loss", value.item())
        progress_made = max(updates / (batches * settings.max_epochs), self._budget_used())
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.schedule, updates, progress_made, settings)
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        self.averager.update_parameters(self.model)
        self.loss_sum += value.item()

    def _check_finite(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            raise UserError(
                f"{name} is {value} in epoch {self.epoch + 1}; lower learning_rate {self.settings.learning_rate:g} "
                f"or raise batch_size {self.settings.batch_size}"
            )

    def _budget_used(self) -> float:
        minutes = self.settings.budget_minutes
        return 0.0 if minutes is None else self.elapsed_s / (60 * minutes)

    def end_epoch(self, found: Errors) -> None:
        """Note the errors, move the schedule on, keep the weights if they are the best so far."""
        validation_loss = found.loss
        assert validation_loss is not None
        self._check_finite("validation loss", validation_loss)
        row = {
            "epoch": self.epoch + 1,
            "time_s": round(self.elapsed_s, 3),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "training_loss": self.loss_sum / max(1, self.batch),
            "validation_loss": validation_loss,
            "displacement_mae_percent": found.displacement_percent,
            "velocity_mae_percent": found.velocity_percent,
        }
        label, self.rows = self.label, [*self.rows, row]
        if not self.best or validation_loss < self.schedule.best_loss:
            self.best = {name: tensor.clone() for name, tensor in self.averaged.state_dict().items()}
        self.schedule = after_epoch(self.schedule, validation_loss, self.settings)
        self.epoch, self.batch, self.loss_sum = self.epoch + 1, 0, 0.0
        log.info(
            "%s: training loss %.3g, validation loss %.3g, displacement MAE %.2f %%, velocity MAE %.2f %%, "
            "learning rate %.2g, %s left at most",
            label,
            row["training_loss"],
            row["validation_loss"],
            row["displacement_mae_percent"],
            row["velocity_mae_percent"],
            row["learning_rate"],
            self._time_left(),
        )

    def _time_left(self) -> str:
        left = self.elapsed_s * (self.settings.max_epochs / self.epoch - 1)
        if self.settings.budget_minutes is not None:
            left = min(left, 60 * self.settings.budget_minutes - self.elapsed_s)
        return f"{max(0.0, left) / 60:.1f} min"
