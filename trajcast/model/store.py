"""Model files: weights as safetensors, with a JSON description beside them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from trajcast.config.settings import NetworkSettings
from trajcast.core.errors import UserError, said
from trajcast.io.files import atomic_write, write_json
from trajcast.io.formats import MODEL, check_format, model_record
from trajcast.model.network import Scales, TrajCast
from trajcast.model.totals import Totals


def save_model(path: Path | str, model: TrajCast, **record: Any) -> None:
    """Write `path` (.safetensors) and the .json beside it.

    Args:
        record: Further entries of the JSON file, such as provenance and training.
    """
    path = Path(path)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    data = save(weights)
    with atomic_write(path) as aside:
        aside.write_bytes(data)
    scales = asdict(model.scales)
    write_json(
        path.with_suffix(".json"),
        {
            "format": MODEL.name,
            "horizon_fs": None if math.isnan(horizon_fs := scales.pop("horizon_fs")) else horizon_fs,
            "species": list(scales.pop("species")),
            "masses_u": None if model.masses is None else list(model.masses),
            "cutoff_A": scales.pop("cutoff"),
            "scales": scales,
            "network": {name: value for name, value in asdict(model.settings).items() if name != "cutoff_A"},
            "dtype": str(model.dtype).removeprefix("torch."),
            "sha256": hashlib.sha256(data).hexdigest(),
            "parameters": sum(p.numel() for p in model.parameters()),
            **record,
        },
    )


def read_record(path: Path | str) -> dict[str, Any]:
    """The JSON description of the model in `path`.

    Raises:
        UserError: The file is missing, damaged, or not a model description.
    """
    path = Path(path).with_suffix(".json")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a model is a .safetensors file with a .json beside it") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); copy it again, or train again") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: does not describe a model; give another, or train again")
    check_format(record.get("format"), MODEL, str(path), "give another, or train again")
    return model_record(record)


def load_model(path: Path | str, device: torch.device | str = "cpu") -> TrajCast:
    """The model in `path` (.safetensors), in its saved precision and without gradients.

    Raises:
        UserError: A file is missing or damaged, or weights and description do not match.
    """
    record = read_record(path)
    try:
        scales = _scales(record)
        network = NetworkSettings(**record["network"], cutoff_A=record["cutoff_A"])
        dtype = {"float32": torch.float32, "float64": torch.float64}[record["dtype"]]
        model = TrajCast(network, scales, torch.Generator().manual_seed(0)).to(dtype)
        if (masses := record.get("masses_u")) is not None:  # absent from files of earlier versions
            if len(masses) != len(scales.species):
                raise ValueError(f"{len(masses)} masses_u for {len(scales.species)} species")
            model.masses = tuple(float(mass) for mass in masses)
    except (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError, AttributeError) as error:
        card = Path(path).with_suffix(".json")
        raise UserError(f"{card}: damaged model description ({said(error)}); copy it again, or train again") from None
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    if hashlib.sha256(data).hexdigest() != record.get("sha256"):
        raise UserError(f"{path}: damaged weights, or weights that do not match its .json; copy both again, or retrain")
    try:
        model.load_state_dict(load(data))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: damaged weights, or weights that do not match its .json: {reason}") from None
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{path}: has weights that are not finite ({name}); train it again, or use an earlier one")
    return model.to(device).requires_grad_(False)


def _scales(record: Mapping[str, Any]) -> Scales:
    scales, horizon_fs = _tuples(record["scales"]), record["horizon_fs"]
    for key, value in (("horizon_fs", horizon_fs), ("cutoff_A", record["cutoff_A"])):
        if value is not None and not (isinstance(value, int | float) and 0 < value < math.inf):
            raise ValueError(f"{key} {value!r} must be a number above zero")
    totals = scales.pop("totals", None)
    return Scales(
        horizon_fs=math.nan if horizon_fs is None else horizon_fs,
        cutoff=record["cutoff_A"],
        species=tuple(record["species"]),
        totals=None if totals is None else Totals(**_tuples(totals)),
        **scales,
    )


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace lists by tuples, recursively."""

    def frozen(value: Any) -> Any:
        return tuple(frozen(x) for x in value) if isinstance(value, list) else value

    return {name: frozen(value) for name, value in dict(values).items()}
