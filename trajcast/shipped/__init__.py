"""Models shipped with the package: one folder per model in `models/`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.io.formats import model_record

FOLDER = Path(__file__).parent
MODELS = FOLDER / "models"


def names() -> list[str]:
    """Names of all shipped models."""
    return sorted(path.parent.name for path in MODELS.glob(f"*/{layout.RECORD_FILE}"))


def resolve(model: str) -> Path:
    """Resolve the name of a shipped model, or a path, to the path of the weights.

    Raises:
        UserError: If `model` is neither.
    """
    if model in names():
        return MODELS / model / layout.WEIGHTS_FILE
    path = Path(model)
    if path.suffix == ".safetensors" or os.sep in model or path.exists():
        return path
    raise UserError(
        f"{model!r} is neither a shipped model ({', '.join(names())}) nor a file; "
        "use one of these names, or the path of a .safetensors file"
    )


def record(name: str) -> dict[str, Any]:
    """Read the model.json of a shipped model.

    Raises:
        UserError: If there is no shipped model of this name.
    """
    return model_record(json.loads((_folder(name) / layout.RECORD_FILE).read_text(encoding="utf-8")))


def card(name: str) -> str:
    """Read the model card of a shipped model, in Markdown.

    Raises:
        UserError: If there is no shipped model of this name.
    """
    return (_folder(name) / "card.md").read_text(encoding="utf-8")


def pairs_file(name: str) -> Path:
    """Path of the data set, with a test split only, on which the errors of a shipped model were measured.

    Raises:
        UserError: If there is no shipped model of this name.
    """
    return _folder(name) / "test_pairs.h5"


def thermostat(record: dict[str, Any]) -> str:
    """Describe the thermostat that the record of a shipped model recommends."""
    advice = record["thermostat"]
    return f"{advice['name']}, tau_horizons {advice['tau_horizons']:g}"


def _folder(name: str) -> Path:
    if name not in names():
        raise UserError(f"{name!r} is not a shipped model; choose one of: {', '.join(names())}")
    return MODELS / name
