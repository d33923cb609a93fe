"""The training loop: it can be killed at any moment and resumes to the same weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from trajcast.config.settings import TrainingSettings
from trajcast.core.device import tensor_float_32
from trajcast.core.errors import UserError
from trajcast.core.parallel import SINGLE_PROCESS, Processes
from trajcast.core.version import __version__
from trajcast.data.dataset import Dataset
from trajcast.io import layout
from trajcast.io.files import fingerprint
from trajcast.io.provenance import provenance
from trajcast.io.stopping import Stopped, watched
from trajcast.model.store import read_record, save_model
from trajcast.training.checkpoint import read_checkpoint, write_checkpoint
from trajcast.training.initialization import initial_identity
from trajcast.training.metrics import tensorboard, write_csv
from trajcast.training.run import TrainingRun
from trajcast.training.schedule import stop_reason

if TYPE_CHECKING:
    from trajcast.training.streaming import Streaming

log = logging.getLogger(__name__)


def train(
    settings: TrainingSettings,
    dataset: Dataset,
    folder: Path,
    device: torch.device | str = "cpu",
    *,
    backend: str | None = None,
    checkpoint: Path | None = None,
    processes: Processes = SINGLE_PROCESS,
    stream: Streaming | None = None,
) -> None:
    """Train on `dataset` and write model.safetensors, model.json and metrics.csv to `folder`.

    The saved weights are the running averages at the epoch with the lowest validation loss. A hidden checkpoint file
    next to `folder` is resumed if settings and data are unchanged, and removed at the end. Only one run at a time may
    use `folder`: commands hold an exclusive lock.

    Args:
        backend: Name in `trajcast.model.ops`; the best available one if None.
        checkpoint: File to use instead of the hidden one. It is resumed even if the settings have changed, and kept at
            the end: training in instalments, each with a larger budget.
        processes: Processes that share each batch and take the same updates as a single one.
        stream: Source of the pairs of every epoch, if the settings request one.

    Raises:
        UserError: If the data set has too few training pairs, or training diverges.
        Stopped: If training was interrupted and its progress saved.
    """
    pairs = len(dataset.split("training"))
    if settings.samples > pairs:
        raise UserError(f"training.samples {settings.samples} exceeds the {pairs} pairs of the data set; lower it")
    former_A = dict(dataset.provenance.get("settings") or {}).get("cutoff_A")
    if former_A is not None and former_A != settings.network.cutoff_A:
        log.warning(
            "this data set of 0.1.0 was made for a cutoff of %g Å; training.network.cutoff_A is %g",
            former_A,
            settings.network.cutoff_A,
        )
    identity = training_identity(settings, dataset, stream.source.identity if stream else None)
    if _is_finished(folder, identity):
        log.info("%s: finished already; remove model.json to train again", folder)
        return
    path = checkpoint or checkpoint_path(folder, identity)
    with tensor_float_32(settings.tf32):
        run = TrainingRun(settings, dataset, device, backend, processes, stream)
        saved = read_checkpoint(path)
        processes.barrier()  # rank zero must not replace or remove it before all have read it
        if saved is not None:
            run.restore(saved)
            log.info("%s resumes after batch %d from %s", run.label, run.batch, path)
        board = tensorboard(folder, run.rows) if processes.is_rank_zero else nullcontext(lambda row: None)
        with watched() as time_is_up, board as show:
            while (reason := stop_reason(run.schedule, run.epoch, run.elapsed_s, settings)) is None:
                if cause := run.broadcast(time_is_up()):
                    raise Stopped(f"{cause}; {run.label} has not started, all earlier progress is saved")
                run.train_epoch(path, time_is_up)
                run.end_epoch()
                if processes.is_rank_zero:
                    write_checkpoint(path, run.checkpoint())
                    write_csv(folder / layout.METRICS_FILE, run.rows)
                show(run.rows[-1])
    if processes.is_rank_zero:
        write_csv(folder / layout.METRICS_FILE, run.rows)  # again: an earlier process may have finished all epochs
        save_model(
            folder / layout.WEIGHTS_FILE,
            run.best_model(),
            provenance=provenance("train", asdict(settings), dataset=dict(dataset.provenance)),
            training=run.record(reason) | {"identity": identity},
        )
        if checkpoint is None:
            path.unlink(missing_ok=True)
    log.info(
        "training at %g fs: %s after %d epochs, %.1f minutes", dataset.horizon_fs, reason, run.epoch, run.elapsed_s / 60
    )


def training_identity(settings: TrainingSettings, dataset: Dataset, stream: Mapping[str, Any] | None = None) -> str:
    """Everything that the weights depend on, as a fingerprint; `stream`: identity of the source of fresh pairs."""
    return fingerprint(
        __version__,
        asdict(settings),
        dataset.horizon_fs,
        dict(dataset.provenance),
        initial_identity(settings),
        stream,
    )


def checkpoint_path(folder: Path, identity: str) -> Path:
    """The hidden checkpoint file beside a model's folder."""
    return folder.parent / f".{folder.name}.{identity}.checkpoint"


def _is_finished(folder: Path, identity: str) -> bool:
    """Whether `folder` holds the results of this run, possibly from a process that held the lock before."""
    path = folder / layout.RECORD_FILE
    if not all(file.exists() for file in (path, path.with_suffix(".safetensors"), folder / layout.METRICS_FILE)):
        return False
    return bool(read_record(path).get("training", {}).get("identity") == identity)
