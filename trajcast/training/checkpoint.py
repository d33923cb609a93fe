"""The whole state of a training run in one file."""

from __future__ import annotations

import io
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trajcast.core.errors import UserError
from trajcast.io.files import atomic_write
from trajcast.io.formats import CHECKPOINT, checkpoint_values
from trajcast.training.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a run needs to go on as if it had never stopped."""

    weights: Tensor
    averages: Tensor  # of the weights
    optimizer: dict[str, Any]
    best: Tensor | None  # averages of the best epoch so far
    schedule: Schedule
    epoch: int
    batch: int
    safeguard: dict[str, Any]
    seen: Tensor  # losses and number of the epoch's updates
    elapsed_s: float
    rows: list[dict[str, float]]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `path`, whole or not at all."""
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    whole = io.BytesIO()  # torch hides why a file could not be written
    torch.save({"format": CHECKPOINT.name, **values, "schedule": asdict(checkpoint.schedule)}, whole)
    with atomic_write(path) as aside:
        aside.write_bytes(whole.getbuffer())


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint in `path`, None where there is none; UserError when it is damaged."""
    if not path.exists():
        return None
    try:
        values = checkpoint_values(torch.load(path, weights_only=True, map_location="cpu"))
        return Checkpoint(**{**values, "schedule": Schedule(**values["schedule"])})
    except (RuntimeError, EOFError, OSError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise UserError(f"{path}: damaged checkpoint ({error}); remove it to train from the start") from None
