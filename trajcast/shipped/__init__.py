"""Models that come with the package: each a folder of `models/`, whose name is the model's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from trajcast.core.errors import UserError
from trajcast.io.formats import model_record

FOLDER = Path(__file__).parent
MODELS = FOLDER / "models"


def names() -> list[str]:
    """The names of all shipped models."""
    return sorted(path.parent.name for path in MODELS.glob("*/model.json"))


def resolve(model: str) -> Path:
    """The weights of a shipped model, or what else `model` is the path of; UserError where it can be neither."""
    if model in names():
        return MODELS / model / "model.safetensors"
    path = Path(model)
    if path.suffix == ".safetensors" or os.sep in model or path.exists():
        return path
    raise UserError(
        f"{model!r} is no shipped model ({', '.join(names())}) and no file; "
        "take one of these names, or the path of a model, which ends in .safetensors"
    )


def record(name: str) -> dict[str, Any]:
    """What model.json says of a shipped model; UserError where there is none of this name."""
    return model_record(json.loads((_folder(name) / "model.json").read_text(encoding="utf-8")))


def card(name: str) -> str:
    """The page about a shipped model, in Markdown; UserError where there is none of this name."""
    return (_folder(name) / "card.md").read_text(encoding="utf-8")


def pairs_file(name: str) -> Path:
    """A data set that holds nothing but a test split: the pairs that a shipped model's errors were measured on."""
    return _folder(name) / "test_pairs.h5"


def thermostat(found: dict[str, Any]) -> str:
    """The thermostat that a shipped model's record recommends, in words."""
    advice = found["thermostat"]
    return f"{advice['name']}, tau_horizons {advice['tau_horizons']:g}"


def _folder(name: str) -> Path:
    if name not in names():
        raise UserError(f"{name!r} is no shipped model; there are {', '.join(names())}")
    return MODELS / name
