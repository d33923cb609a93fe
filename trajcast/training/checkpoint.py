"""The complete state of a training run in one file."""

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
from trajcast.io.formats import CHECKPOINT, check_format, checkpoint_values
from trajcast.training.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that a run needs to resume as if it had never stopped."""

    weights: Tensor
    averages: Tensor  # running averages of the weights
    optimizer: dict[str, Any]
    best: Tensor | None  # running averages at the best epoch so far
    schedule: Schedule
    epoch: int  # finished epochs
    batch: int  # finished batches of the current epoch
    safeguard: dict[str, Any]
    seen: Tensor  # sum of the losses and number of the updates accepted in this epoch
    elapsed_s: float
    rows: list[dict[str, float]]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path` atomically."""
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    buffer = io.BytesIO()  # saving to a file directly, torch hides why writing failed
    torch.save({"format": CHECKPOINT.name, **values, "schedule": asdict(checkpoint.schedule)}, buffer)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Read the checkpoint in `path`.

    Returns:
        The checkpoint, with all tensors on the CPU; None if the file does not exist.

    Raises:
        UserError: If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        loaded = torch.load(path, weights_only=True, map_location="cpu")
        check_format(loaded.get("format", "TrajCast checkpoint 1"), CHECKPOINT, str(path), "remove it to train anew")
        values = checkpoint_values(loaded)
        return Checkpoint(**{**values, "schedule": Schedule(**values["schedule"])})
    except UserError:
        raise
    except (AttributeError, RuntimeError, EOFError, OSError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise UserError(f"{path}: damaged checkpoint ({error}); remove it to train from scratch") from None
