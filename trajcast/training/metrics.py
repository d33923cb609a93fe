"""Metrics of every epoch, as CSV and for TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trajcast.io.files import write_text

Row = dict[str, float]

METRICS = (
    "epoch",
    "time_s",
    "learning_rate",
    "skipped_updates",
    "training_loss",
    "validation_loss",
    "training_displacement_mae_percent",
    "training_velocity_mae_percent",
    "displacement_mae_percent",
    "velocity_mae_percent",
)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write the metrics of all epochs to `path` atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, METRICS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


@contextmanager
def tensorboard(folder: Path, earlier: Sequence[Row]) -> Iterator[Callable[[Row], None]]:
    """Yield a function that adds an epoch to `folder`/tensorboard; it does nothing if TensorBoard is not installed.

    The `earlier` epochs are added first and replace those of an interrupted run.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda row: None
        return
    with SummaryWriter(folder / "tensorboard", purge_step=0) as writer:

        def show(row: Row) -> None:
            for name in METRICS[2:]:
                writer.add_scalar(name, row[name], int(row["epoch"]))

        for row in earlier:
            show(row)
        yield show
