"""A model's JSON is checked before it is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trajcast.config.settings import NetworkSettings
from trajcast.core.errors import UserError
from trajcast.model.network import Scales, TrajCast
from trajcast.model.store import load_model, save_model

NETWORK = NetworkSettings(channels=2, l_max=1, layers=1, radial_mlp=[2], speed_mlp=[2], cutoff_A=3.0)
SCALES = Scales(
    horizon_fs=2.0,
    cutoff=3.0,
    species=(1, 8),
    average_neighbors=8.0,
    speed_max=0.1,
    outputs=((0.02, 0.01), (0.02, 0.01)),
    baseline=((0.0, 0.0), (0.0, 0.0)),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_model(tmp_path / "model.safetensors", TrajCast(NETWORK, SCALES, torch.Generator().manual_seed(1)))
    return tmp_path / "model.safetensors"


def test_a_model_comes_back_as_it_was(path: Path):
    model = load_model(path)
    assert model.settings == NETWORK
    assert model.scales == SCALES


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record["network"].update(chanels=3),
        lambda record: record["network"].update(channels="many"),
        lambda record: record["network"].update(radial_mlp=3),
        lambda record: record["network"].update(channels=-1),
        lambda record: record["network"].update(channels=0),
        lambda record: record.pop("network"),
        lambda record: record.update(network=[1]),
        lambda record: record["scales"].pop("outputs"),
        lambda record: record["scales"].update(speed=1.0),
        lambda record: record["scales"].update(totals="kept"),
        lambda record: record["scales"].update(totals={"momentum": None}),
        lambda record: record.update(scales=[1]),
        lambda record: record.update(species=None),
        lambda record: record.update(species=[1000]),
        lambda record: record.update(dtype="float16"),
    ],
)
def test_a_damaged_description_is_named(path: Path, damage: Callable[[dict[str, Any]], object]):
    description = path.with_suffix(".json")
    record = json.loads(description.read_text())
    damage(record)
    description.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"model\.json: damaged model description \("):
        load_model(path)
