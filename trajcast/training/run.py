"""The state of a training run and the training of one epoch."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trajcast.config.settings import TrainingSettings
from trajcast.core.errors import UserError
from trajcast.core.parallel import Processes
from trajcast.data.dataset import Dataset, Pairs
from trajcast.io.progress import progress
from trajcast.io.stopping import Stopped, TimeIsUp
from trajcast.model.network import TrajCast
from trajcast.model.splines import SHORTEST, Grid
from trajcast.training.batches import Batches
from trajcast.training.checkpoint import Checkpoint, write_checkpoint
from trajcast.training.evaluation import Errors, errors
from trajcast.training.initialization import initial_model
from trajcast.training.loss import loss_of
from trajcast.training.schedule import after_epoch, begin, is_multistep, rate, time_left_s
from trajcast.training.updates import Updates

if TYPE_CHECKING:
    from trajcast.training.streaming import Streaming

CHECKPOINT_EVERY_S = 60.0
STOP_CHECK_EVERY_S = 1.0
log = logging.getLogger(__name__)


class TrainingRun:
    """The state of a training run: model, optimizer, schedule, and metrics."""

    def __init__(
        self,
        settings: TrainingSettings,
        dataset: Dataset,
        device: torch.device | str,
        backend: str | None,
        processes: Processes,
        stream: Streaming | None = None,
    ):
        self.settings, self.processes, self.stream, self.time_reversed = (
            settings,
            processes,
            stream,
            dataset.time_reversed,
        )
        self.horizon_fs, self.device = dataset.horizon_fs, torch.device(device)
        pairs = dataset.split("training").head(settings.samples)
        if settings.multistep_fraction and stream is None and pairs.later_displacements is None:
            raise UserError(
                f"training.multistep_fraction {settings.multistep_fraction:g} needs samples of two steps, but those of "
                "the data set have one; rebuild it with `steps: 2`, or set multistep_fraction to 0"
            )
        self.model = initial_model(settings, dataset).to(device=device, dtype=getattr(torch, settings.dtype))
        self.model.backend = backend
        self.backend = self.model.ops.__name__.rpartition(".")[2]
        if intervals := getattr(self.model.ops, "TRAINING_INTERVALS", {}).get(self.model.dtype):
            self.model.grid = Grid(SHORTEST, self.model.scales.cutoff, intervals).to(self.model.device)
        log.info("training at %g fs: backend %s on %s", self.horizon_fs, self.backend, self.device)
        self.loss = loss_of(dataset, settings)
        self.validation = Batches(dataset.split("validation"), self.model)
        self.training = Batches(pairs.head(len(self.validation)), self.model)  # as many training pairs
        self.updates = Updates(self.model, self._with_reversed(pairs), self.loss, settings, processes)
        self.parameters = self.updates.parameters
        self.schedule = begin(settings)
        self.epoch = self.batch = 0  # finished epochs, and finished batches of the current one
        self.elapsed_s = 0.0  # including validation and earlier processes
        self.clock = time.monotonic()  # time of the last update of elapsed_s
        self.rows: list[dict[str, float]] = []
        self.best: torch.Tensor | None = None

    @property
    def label(self) -> str:
        """Description for logs, which distinguishes runs at different horizons."""
        return f"training at {self.horizon_fs:g} fs, epoch {self.epoch + 1}"

    def record(self, reason: str) -> dict[str, Any]:
        """Summary of the finished run for the record of its model."""
        return {
            "epochs": self.epoch,
            "minutes": self.elapsed_s / 60,
            "stopped": reason,
            "device": str(self.device),
            "processes": self.processes.count,
            "backend": self.backend,
            "tf32": self.settings.tf32 and self.device.type == "cuda",
        }

    def best_model(self) -> TrajCast:
        """The model with the running averages of the weights at its best epoch."""
        assert self.best is not None
        self.parameters.averages.copy_(self.best)
        return self.parameters.averaged

    def checkpoint(self) -> Checkpoint:
        """The complete state of the run."""
        return Checkpoint(
            weights=self.parameters.vector,
            averages=self.parameters.averages,
            optimizer=self.parameters.optimizer.state_dict(),
            best=self.best,
            schedule=self.schedule,
            epoch=self.epoch,
            batch=self.batch,
            safeguard=self.updates.safeguard.state_dict(),
            seen=self.updates.seen,
            elapsed_s=self.elapsed_s,
            rows=self.rows,
        )

    def restore(self, saved: Checkpoint) -> None:
        """Resume from a checkpoint."""
        self.parameters.vector.copy_(saved.weights)
        self.parameters.averages.copy_(saved.averages)
        self.parameters.optimizer.load_state_dict(saved.optimizer)
        self.best = None if saved.best is None else saved.best.to(self.device)
        self.epoch, self.batch, self.schedule = saved.epoch, saved.batch, saved.schedule
        self.updates.safeguard.load_state_dict(saved.safeguard)
        self.updates.seen.copy_(saved.seen)
        self.elapsed_s, self.rows = saved.elapsed_s, saved.rows

    def _with_reversed(self, pairs: Pairs) -> Pairs:
        return pairs.both_ways() if self.time_reversed else pairs

    def train_epoch(self, path: Path, time_is_up: TimeIsUp) -> None:
        """Train for the rest of the current epoch, or until the time budget is used.

        Raises:
            Stopped: If `time_is_up`, after writing a checkpoint to `path`.
        """
        settings = self.settings
        if self.stream is not None:
            pairs = self.stream.pairs(self.epoch, time_is_up, self.processes.barrier)
            self.training = Batches(pairs.head(len(self.validation)), self.model)
            self.updates.use(self._with_reversed(pairs))
        order = np.random.default_rng((settings.seed, self.epoch)).permutation(len(self.updates.batches))
        last_check = last_save = self.elapsed_s  # the same in all processes
        with progress(self.label, self.batches, done=self.batch, unit="batches") as advance:
            while self.batch < self.batches and self._budget_used() < 1:
                chosen = order[self.batch * settings.batch_size : (self.batch + 1) * settings.batch_size]
                number, done = self.epoch * self.batches + self.batch, self._progress()
                steps = 2 if is_multistep(done, settings) else 1
                self.updates.take(np.sort(chosen), rate(self.schedule, number, done, settings), steps)
                self.batch += 1
                self._count_time()
                advance(1)
                # not after the budget is used: a run resumed from there would stop before validation
                may_save, cause = self._budget_used() < 1, None
                save = may_save and self.elapsed_s - last_save >= CHECKPOINT_EVERY_S
                if save or self.elapsed_s - last_check >= STOP_CHECK_EVERY_S:
                    last_check = self.elapsed_s
                    cause = self.broadcast(time_is_up()) if may_save else None
                if save or cause:
                    last_save = self.elapsed_s
                    if self.processes.is_rank_zero:
                        write_checkpoint(path, self.checkpoint())
                if cause:
                    raise Stopped(f"{cause}; {self.label} saved after batch {self.batch}")
        self._count_time()

    def broadcast(self, cause: str | None) -> str | None:
        """The reason to stop now, or None; all processes follow rank zero."""
        stop = self.processes.broadcast(cause is not None)
        return (cause or "rank zero stops") if stop else None

    def _count_time(self) -> None:
        now = time.monotonic()
        self.elapsed_s = self.processes.broadcast(self.elapsed_s + now - self.clock)
        self.clock = now

    def _budget_used(self) -> float:
        minutes = self.settings.budget_minutes
        return 0.0 if minutes is None else self.elapsed_s / (60 * minutes)

    @property
    def batches(self) -> int:
        """Number of batches in an epoch."""
        return math.ceil(len(self.updates.batches) / self.settings.batch_size)

    def _progress(self) -> float:
        """Progress of the whole run, from 0 to 1."""
        done = self.epoch * self.batches + self.batch
        return max(done / (self.batches * self.settings.max_epochs), self._budget_used())

    def _errors(self, batches: Batches) -> Errors:
        return errors(self.parameters.averaged, batches, self.loss, self.processes)

    def end_epoch(self) -> None:
        """Validate, record metrics, advance the schedule, and keep the weights if they are the best so far.

        Raises:
            UserError: If the validation loss is not finite even with the last good weights.
        """
        validation = self._errors(self.validation)
        if not math.isfinite(validation.loss):
            self.updates.safeguard.go_back()
            validation = self._errors(self.validation)
        training = self._errors(self.training)
        self._count_time()
        if not math.isfinite(validation.loss):
            raise UserError(
                f"validation loss is {validation.loss} in epoch {self.epoch + 1}; check the validation data, or lower "
                f"learning_rate {self.settings.learning_rate:g}"
            )
        loss_sum, accepted = self.updates.seen.tolist()
        row = {
            "epoch": self.epoch + 1,
            "time_s": round(self.elapsed_s, 3),
            "learning_rate": float(self.parameters.rate),
            "skipped_updates": self.batch - round(accepted),
            "training_loss": loss_sum / max(1, accepted),
            "validation_loss": validation.loss,
            "training_displacement_mae_percent": training.displacement_percent,
            "training_velocity_mae_percent": training.velocity_percent,
            "displacement_mae_percent": validation.displacement_percent,
            "velocity_mae_percent": validation.velocity_percent,
        }
        label, self.rows = self.label, [*self.rows, row]
        self.schedule = after_epoch(self.schedule, validation.loss, self._progress(), self.settings)
        if self.best is None or self.schedule.epochs_since_best == 0:
            self.best = self.parameters.averages.clone()
        self.epoch, self.batch = self.epoch + 1, 0
        self.updates.seen.zero_()
        log.info(
            "%s: training loss %.3g, validation loss %.3g, displacement MAE %.2f %%, velocity MAE %.2f %% (of training "
            "pairs %.2f %%), learning rate %.2g, at most %s left",
            label,
            row["training_loss"],
            row["validation_loss"],
            row["displacement_mae_percent"],
            row["velocity_mae_percent"],
            row["training_velocity_mae_percent"],
            row["learning_rate"],
            f"{time_left_s(self.settings, self.epoch, self.elapsed_s) / 60:.1f} min",
        )
