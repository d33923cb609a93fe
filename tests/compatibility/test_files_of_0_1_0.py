"""Files that TrajCast 0.1.0 wrote are read by this version (tests/data/0.1.0 says how they were made)."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from trajcast.config.configuration import read_config
from trajcast.config.files import read_yaml
from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.config.upgrade_file import upgrade_file
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.data.dataset import read_dataset
from trajcast.io.trajectory import Trajectory
from trajcast.model.store import load_model, read_record
from trajcast.observables.result import load_result
from trajcast.observables.temperature import canonical_temperature
from trajcast.training.loop import train

OLD = Path(__file__).parents[1] / "data" / "0.1.0"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD / "molecule.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "results/molecule"


def test_a_model() -> None:
    model = load_model(OLD / "model.safetensors")
    weights = load_file(OLD / "model.safetensors")
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert model.settings.cutoff_A == model.scales.cutoff == 3.0
    assert read_record(OLD / "model.safetensors")["parameters"] == sum(p.numel() for p in model.parameters())


def test_an_imported_model_with_conservation_laws_of_its_own() -> None:
    """Its prediction is that of 0.1.0, which is kept in its record."""
    model = load_model(OLD / "imported.safetensors")
    assert model.scales.totals is not None
    assert model.scales.totals.conserve_angular_momentum
    model.backend = "dense"
    state, _, _ = read_dataset(OLD / "dataset.h5").split("test").batch(np.arange(1))
    predicted = model(state, find_neighbors(state, 3.0))
    expected = json.loads((OLD / "imported.json").read_text(encoding="utf-8"))["provenance"]
    for name in ("displacement", "velocity"):
        found = getattr(predicted, name)
        torch.testing.assert_close(found, torch.tensor(expected[name], dtype=found.dtype), rtol=1e-9, atol=1e-12)


def test_a_data_set() -> None:
    dataset = read_dataset(OLD / "dataset.h5")
    assert (dataset.horizon_fs, len(dataset.split("training")), dataset.spec.n_atoms) == (7.0, 40, 20)
    assert not dataset.spec.pbc.any()
    pairs = dataset.split("training")
    flight = pairs.displacements / (0.5 * (pairs.velocities + pairs.new_velocities) * dataset.horizon_fs)
    assert 0.8 < np.median(flight) < 1.2


def test_a_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """Two epochs by 0.1.0, two by this version, against four by 0.1.0."""
    values = json.loads((OLD / "training.json").read_text(encoding="utf-8"))
    network = NetworkSettings(**values.pop("network"), cutoff_A=3.0)
    del values["own_steps"]
    settings = TrainingSettings(**values | {"network": network, "max_epochs": 4})
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes((OLD / "training.checkpoint").read_bytes())
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(settings, read_dataset(OLD / "dataset.h5"), tmp_path / "model", backend="dense", checkpoint=checkpoint)
    finally:
        torch.set_num_threads(before)
    found, expected = load_file(tmp_path / "model/model.safetensors"), load_file(OLD / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():  # to rounding: the order of sums is that of another processor's BLAS
        torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-6)
    assert json.loads((tmp_path / "model/model.json").read_text())["training"]["epochs"] == 4


def test_trajectories(results: Path) -> None:
    with Trajectory(results / "runs/trained-here/forecast.h5md") as rollout:
        assert rollout.provenance["stage"] == "rollout"
        assert canonical_temperature(rollout) == 300.0
        assert len(rollout) == 21
    with Trajectory(results / "reference/nve_1.h5md") as nve:
        assert canonical_temperature(nve) is None
    with Trajectory(results / "reference/nvt.h5md") as nvt:
        assert canonical_temperature(nvt) == 300.0


def test_observables(results: Path) -> None:
    result = load_result(results / "runs/trained-here/observables/forecast/temperature.json")
    keys = {scalar.name: scalar.key for scalar in result.scalars}
    assert keys["T of all atoms"] == "temperature.all atoms"
    assert keys["T of O"] == "temperature.O"
    assert keys["width of T"] == "temperature_width"


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    record = json.loads((OLD / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(record | {"format": "TrajCast model 99"}))
    with pytest.raises(UserError, match="TrajCast model 99"):
        read_record(tmp_path / "model.json")


def test_a_configuration_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes((OLD / "config.yaml").read_bytes())
    with pytest.raises(UserError, match=r"forecast: is now called rollout.*trajcast config upgrade"):
        read_config(read_yaml(path))
    changes = upgrade_file(path)
    assert any("systems.crystal.dataset.cutoff_A → systems.crystal.training.network.cutoff_A" in c for c in changes)
    config = read_config(read_yaml(path))
    cutoffs = {name: system.training.network.cutoff_A for name, system in config.kept.items()}
    assert cutoffs == {"liquid": 5.0, "crystal": 4.5, "molecule": 6.0}
    assert config.kept["liquid"].rollout_of("trained-here").thermostat == "langevin"
    assert config.kept["molecule"].rollout.tau_horizons == 10.0
    text, old = path.read_text(encoding="utf-8"), (OLD / "config.yaml").read_text(encoding="utf-8")
    comments = [line.partition(" # ")[2] for line in old.splitlines() if " # " in line]
    assert comments
    assert [comment for comment in comments if comment not in text] == []
    assert upgrade_file(path) == []
    assert path.read_text(encoding="utf-8") == text


def test_two_values_for_one_key_are_not_merged(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("systems:\n  liquid:\n    forecast: {seed: 1}\n    rollout: {seed: 2}\n")
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"systems\.liquid\.forecast is now called rollout, which is also present"):
        upgrade_file(path)
    assert path.read_bytes() == before


def test_null_and_order_stay(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("systems:\n  liquid:\n    runs:\n      water-5fs: null # away\n    forecast:\n      seed: 2\n")
    upgrade_file(path)
    assert path.read_text() == (
        "systems:\n  liquid:\n    runs:\n      water-5fs: null # away\n    rollout:\n      seed: 2\n"
    )


def test_settings_of_one_stage(tmp_path: Path) -> None:
    path = tmp_path / "training.yaml"
    path.write_text("samples: 10\nseed: 1\nown_steps: 0.25\n")
    assert upgrade_file(path) == ["own_steps → multistep_fraction"]
    assert validate(TrainingSettings, read_yaml(path), "training").multistep_fraction == 0.25
