"""Training that goes on from a finished model: it begins where that ended, and refuses one of another kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_dataset import small_dataset

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.core.errors import UserError
from trajcast.data.dataset import Dataset
from trajcast.model.store import load_model, read_record
from trajcast.training.evaluation import evaluate
from trajcast.training.initialization import initial_model
from trajcast.training.loop import train

NETWORK = NetworkSettings(
    cutoff_A=3.0, channels=4, l_max=1, layers=1, radial_mlp=[8, 4], speed_mlp=[8, 4], velocity_baseline=True
)
SETTINGS = TrainingSettings(
    network=NETWORK, samples=48, seed=3, batch_size=2, max_epochs=20, dtype="float32", learning_rate=0.02, cooldown=0.5
)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained on the oscillators."""
    folder = tmp_path_factory.mktemp("earlier")
    train(SETTINGS, small_dataset(folder / "d.h5", samples=48), folder / "model")
    return folder / "model" / "model.safetensors"


def from_model(path: Path, **changes: object) -> TrainingSettings:
    return replace(SETTINGS, initial=str(path), **changes)


def error(model: Path, dataset: Dataset) -> float:
    return float(evaluate(load_model(model), dataset)["velocity_mae_percent"])


def test_it_begins_with_the_earlier_models_predictions(earlier: Path, tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "d.h5", seed=5)
    begun, ended = initial_model(from_model(earlier), dataset), load_model(earlier)
    assert begun.scales == ended.scales
    for (name, weight), before in zip(begun.named_parameters(), ended.parameters(), strict=True):
        assert weight.requires_grad, name
        assert torch.equal(weight, before), name


def test_a_few_epochs_suffice_where_new_weights_need_many(earlier: Path, tmp_path: Path) -> None:
    """Oscillators over a slightly longer horizon: better after two epochs than a new network after as many."""
    dataset = small_dataset(tmp_path / "d.h5", samples=48, seed=5, horizon_fs=2.2)
    train(from_model(earlier, max_epochs=2), dataset, tmp_path / "from-model")
    train(replace(SETTINGS, max_epochs=2), dataset, tmp_path / "from-nothing")
    found = {name: error(tmp_path / name / "model.safetensors", dataset) for name in ("from-model", "from-nothing")}
    assert found["from-model"] < 0.7 * found["from-nothing"]
    record = read_record(tmp_path / "from-model" / "model.json")
    assert record["horizon_fs"] == 2.2
    assert record["scales"]["speed_max"] == load_model(earlier).scales.speed_max
    assert record["scales"]["baseline"] != list(load_model(earlier).scales.baseline)


def test_another_model_to_begin_with_is_another_training(earlier: Path, tmp_path: Path) -> None:
    """A finished folder is trained anew where the earlier model has changed, and left alone where it has not."""
    dataset, settings = small_dataset(tmp_path / "d.h5", seed=5), from_model(tmp_path / "a.safetensors", samples=4)
    settings = replace(settings, max_epochs=1)
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"a{suffix}").write_bytes(earlier.with_suffix(suffix).read_bytes())
    train(settings, dataset, tmp_path / "model")
    first = (tmp_path / "model" / "model.safetensors").read_bytes()
    train(settings, dataset, tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == first
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"a{suffix}").write_bytes((tmp_path / "model" / f"model{suffix}").read_bytes())
    train(settings, dataset, tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").read_bytes() != first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": replace(NETWORK, channels=8)}, r"its network has channels 4, not 8: set that in"),
        ({"network": replace(NETWORK, cutoff_A=4.0)}, r"its network has cutoff_A 3.0, not 4.0: set that in"),
        ({"initial": "no-such-model"}, r"'no-such-model' is neither a shipped model .* nor a file"),
        ({"initial": "none/model.safetensors"}, r"none/model.json: no such file"),
    ],
    ids=["network", "cutoff", "name", "file"],
)
def test_what_does_not_fit_is_refused(earlier: Path, tmp_path: Path, changes: dict[str, object], message: str) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    with pytest.raises(UserError, match=message):
        train(replace(from_model(earlier, samples=4), **changes), dataset, tmp_path / "model")


def test_an_element_that_it_does_not_know_is_refused(earlier: Path, tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    spec = replace(dataset.spec, numbers=dataset.spec.numbers + 1)
    with pytest.raises(UserError, match="the model knows H, O, not He, F"):
        initial_model(from_model(earlier), replace(dataset, spec=spec))
