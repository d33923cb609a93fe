"""Training: what it learns, that it survives kill -9 bit for bit, and its messages."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_dataset import FREQUENCY, HORIZON_FS, MASSES, small_dataset

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.parallel import SINGLE_PROCESS
from trajcast.data.dataset import read_dataset, write_dataset
from trajcast.model.network import Prediction, TrajCast
from trajcast.model.store import load_model
from trajcast.training import run, safeguard
from trajcast.training.batches import Batches
from trajcast.training.checkpoint import read_checkpoint
from trajcast.training.evaluation import errors, evaluate
from trajcast.training.initialization import scale_weights
from trajcast.training.loop import train
from trajcast.training.loss import loss_of
from trajcast.training.scales import scales_of
from trajcast.training.updates import Updates

pytestmark = pytest.mark.slow

NETWORK = NetworkSettings(cutoff_A=3.0, channels=4, l_max=1, layers=1, radial_mlp=[8, 4], speed_mlp=[8, 4])
SETTINGS = TrainingSettings(
    network=NETWORK, samples=24, seed=3, batch_size=4, max_epochs=3, dtype="float32", ema_decay=0.9
)


def test_the_network_learns_the_closed_form(tmp_path: Path) -> None:
    """Within 40 epochs a tiny network leaves less than half of what the best linear prediction does."""
    dataset = small_dataset(tmp_path / "d.h5", samples=48)
    settings = replace(SETTINGS, samples=48, max_epochs=40, cooldown=0.5, batch_size=1, learning_rate=0.02)
    train(settings, dataset, tmp_path / "model")
    found = evaluate(load_model(tmp_path / "model" / "model.safetensors"), dataset)
    pairs = dataset.split("test")
    slope = np.cos(FREQUENCY * HORIZON_FS)
    linear = np.abs(pairs.new_velocities - slope * pairs.velocities).mean() / np.abs(pairs.new_velocities).mean()
    assert found["velocity_mae_percent"] < 0.5 * 100 * linear
    assert found["frames"] == 4
    assert found["horizon_fs"] == HORIZON_FS


def test_pairs_backwards_obey_the_same_motion(tmp_path: Path) -> None:
    """The oscillators' closed form takes every start to its end, of pairs and of reversed pairs alike."""
    one = small_dataset(tmp_path / "d.h5").split("training")
    both = one.both_ways()
    assert len(both) == 2 * len(one)
    assert np.array_equal(both.positions[: len(one)], one.positions)
    apart = np.diff(both.positions.reshape(len(both), -1, 2, 3), axis=2)[:, :, 0]
    axis = apart / np.linalg.norm(apart, axis=-1, keepdims=True)

    def along(values: np.ndarray) -> np.ndarray:
        """Of the relative motion of each O and H along their bond."""
        return (np.diff(values.reshape(len(both), -1, 2, 3), axis=2)[:, :, 0] * axis).sum(-1)

    stretch, speed = along(both.positions) - 1, along(both.velocities)
    cos, sin = np.cos(FREQUENCY * HORIZON_FS), np.sin(FREQUENCY * HORIZON_FS)
    moved, faster = cos * stretch + sin * speed / FREQUENCY, cos * speed - sin * FREQUENCY * stretch
    np.testing.assert_allclose(along(both.displacements), moved - stretch, atol=2e-6)
    np.testing.assert_allclose(along(both.new_velocities), faster, atol=2e-6)


def test_time_reversed_pairs_are_used_and_survive_the_file(tmp_path: Path) -> None:
    """Twice the updates in an epoch, and other weights; validation and test pairs stay as they are."""
    plain = small_dataset(tmp_path / "d.h5")
    write_dataset(tmp_path / "e.h5", replace(plain, time_reversed=True))
    reversed_too = read_dataset(tmp_path / "e.h5")
    assert reversed_too.time_reversed
    assert len(reversed_too.split("training")) == 24
    for name, dataset in (("plain", plain), ("both", reversed_too)):
        train(replace(SETTINGS, max_epochs=1), dataset, tmp_path / name)
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("plain", "both")]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    begun = run.TrainingRun(SETTINGS, reversed_too, "cpu", None, SINGLE_PROCESS)
    assert len(begun.updates.batches) == 48


def test_baseline_is_the_least_squares_fit(tmp_path: Path) -> None:
    """Independent stretch and speed make v' ≈ cos(ωΔt) v and Δr ≈ sin(ωΔt)/ω v, within the error of a slope."""
    dataset = small_dataset(tmp_path / "d.h5", samples=2000)
    plain = scales_of(dataset, SETTINGS)
    with_baseline = replace(SETTINGS, network=replace(NETWORK, velocity_baseline=True))
    scales = scales_of(dataset, with_baseline)
    angle = FREQUENCY * HORIZON_FS
    for displacement, velocity in scales.baseline:
        # the residual, sin(ωΔt) ω × stretch, is as large as the speed: σ_slope = sin / sqrt(number of oscillators)
        assert abs(velocity - np.cos(angle)) < 4 * np.sin(angle) / np.sqrt(2000 * 4)
        assert abs(displacement - np.sin(angle) / FREQUENCY) < 4 * (1 - np.cos(angle)) / FREQUENCY / np.sqrt(2000 * 4)
    assert plain.baseline == ((0.0, 0.0), (0.0, 0.0))
    statistics = dataset.statistics
    for displacement, velocity in plain.outputs:
        assert displacement == pytest.approx(statistics.displacement_rms, rel=1e-5)
        assert velocity == pytest.approx(statistics.velocity_rms, rel=1e-5)
        assert scales.outputs[0][1] == pytest.approx(np.sin(angle) * velocity, rel=0.05)


def test_new_weights_let_every_layer_speak(tmp_path: Path) -> None:
    """After scaling the neighbours matter for the prediction, which begins small; before, they hardly do."""
    dataset = small_dataset(tmp_path / "d.h5")
    model = TrajCast(NETWORK, scales_of(dataset, SETTINGS), torch.Generator().manual_seed(1))
    state, _, _ = dataset.split("training").batch(np.arange(8))
    near = find_neighbors(state, NETWORK.cutoff_A)
    none = replace(near, vectors=torch.full_like(near.vectors, NETWORK.cutoff_A))

    def influence() -> float:
        with torch.no_grad():
            with_, without = model(state, near).velocity, model(state, none).velocity
        return float((with_ - without).std() / with_.std())

    assert influence() < 0.05
    scale_weights(model, state, near)
    assert influence() > 0.3
    with torch.no_grad():
        first = model(state, near).velocity.square().mean().sqrt()
    assert 0.01 < first / dataset.statistics.velocity_rms < 0.1


def test_mass_weighting_makes_elements_count_alike(tmp_path: Path) -> None:
    """The O of an oscillator moves m_H/m_O as far as its H: unweighted its error hardly counts."""
    dataset = small_dataset(tmp_path / "d.h5", samples=200)
    pairs = dataset.split("training")
    state, displacement, velocity = pairs.batch(np.arange(200))
    for mass_weighted, share_of_oxygen in ((False, (MASSES[1] / MASSES[0]) ** 2), (True, MASSES[1] / MASSES[0])):
        loss = loss_of(dataset, replace(SETTINGS, mass_weighted=mass_weighted))
        nothing = Prediction(torch.zeros_like(displacement), torch.zeros_like(velocity))
        assert loss(nothing, displacement, velocity, state.masses).item() == pytest.approx(1.0, rel=1e-5)
        oxygen = (state.numbers == 8)[:, None]
        only_oxygen_wrong = Prediction(displacement * ~oxygen, velocity * ~oxygen)
        value = loss(only_oxygen_wrong, displacement, velocity, state.masses).item()
        assert value == pytest.approx(share_of_oxygen / (1 + share_of_oxygen), rel=1e-4)
    outputs = scales_of(dataset, replace(SETTINGS, mass_weighted=True)).outputs
    assert outputs[1][0] / outputs[0][0] == pytest.approx(MASSES[1] / MASSES[0], rel=1e-4)


def run_training(folder: Path, dataset: Path, *, kill_after_s: float | None = None) -> int:
    (folder.parent / "training.yaml").write_text(yaml.safe_dump(asdict(SETTINGS)))
    command = [sys.executable, "-c", f"""
import trajcast.training.run as run
run.CHECKPOINT_EVERY_S = 0.0
from trajcast.cli import main
raise SystemExit(main(["train", "--settings", {str(folder.parent / "training.yaml")!r},
    "--dataset", {str(dataset)!r}, "--output", {str(folder)!r}]))"""]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if kill_after_s is not None:
        checkpoints = folder.parent
        deadline = time.monotonic() + 60
        while not list(checkpoints.glob(".*.checkpoint")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(kill_after_s)
        os.kill(process.pid, signal.SIGKILL)
    return process.wait()


def test_kill_9_and_resume_gives_the_same_weights(tmp_path: Path) -> None:
    small_dataset(tmp_path / "d.h5")
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    assert run_training(tmp_path / "whole" / "model", tmp_path / "d.h5") == 0
    kills = [run_training(tmp_path / "killed" / "model", tmp_path / "d.h5", kill_after_s=t) for t in (0.01, 0.05, 0.02)]
    assert kills[0] == -signal.SIGKILL
    assert list((tmp_path / "killed").glob(".*.checkpoint")) or kills[-1] == 0
    assert run_training(tmp_path / "killed" / "model", tmp_path / "d.h5") == 0
    whole = load_file(tmp_path / "whole" / "model" / "model.safetensors")
    resumed = load_file(tmp_path / "killed" / "model" / "model.safetensors")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    rows = [list(csv.DictReader((tmp_path / d / "model" / "metrics.csv").open())) for d in ("whole", "killed")]
    timeless = [[{k: v for k, v in row.items() if k != "time_s"} for row in r] for r in rows]
    assert timeless[0] == timeless[1]
    assert len(rows[0]) == 3
    assert not list((tmp_path / "killed").glob(".*.checkpoint"))


def test_sigterm_saves_and_the_same_command_gives_the_same_weights(tmp_path: Path) -> None:
    small_dataset(tmp_path / "d.h5")
    settings = replace(SETTINGS, max_epochs=60)
    (tmp_path / "training.yaml").write_text(yaml.safe_dump(asdict(settings)))

    def start(name: str) -> subprocess.Popen[str]:
        arguments = ["--settings", "training.yaml", "--dataset", "d.h5", "--output", f"{name}/model"]
        program = str(Path(sys.executable).with_name("trajcast"))
        (tmp_path / name).mkdir(exist_ok=True)
        return subprocess.Popen([program, "train", *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True)

    stopped = start("stopped")
    assert stopped.stderr is not None
    while "epoch 3" not in (line := stopped.stderr.readline()) and line:
        pass
    stopped.terminate()
    _, stderr = stopped.communicate(timeout=60)
    assert stopped.returncode == os.EX_TEMPFAIL, stderr
    assert "trajcast train: SIGTERM received; training at 2 fs, epoch " in stderr.splitlines()[-1]
    (checkpoint,) = (tmp_path / "stopped").glob(".*.checkpoint")
    assert 2 <= read_checkpoint(checkpoint).epoch < 60
    for name in ("stopped", "whole"):
        process = start(name)
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
    whole, resumed = (load_file(tmp_path / name / "model/model.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not checkpoint.exists()


def test_a_finished_model_is_left_alone_unless_something_changed(tmp_path: Path) -> None:
    """The process that a job had to wait for may have trained it."""
    dataset, settings = small_dataset(tmp_path / "d.h5"), replace(SETTINGS, max_epochs=1)
    weights = tmp_path / "model/model.safetensors"
    train(settings, dataset, tmp_path / "model")
    first = weights.stat().st_mtime_ns
    train(settings, dataset, tmp_path / "model")
    assert weights.stat().st_mtime_ns == first
    train(replace(settings, seed=4), dataset, tmp_path / "model")
    assert weights.stat().st_mtime_ns > first


def test_instalments_add_up(tmp_path: Path) -> None:
    dataset, checkpoint = small_dataset(tmp_path / "d.h5"), tmp_path / "checkpoint"
    for epochs in (1, 3):
        train(replace(SETTINGS, max_epochs=epochs), dataset, tmp_path / "parts", backend="e3nn", checkpoint=checkpoint)
        assert read_checkpoint(checkpoint).epoch == epochs
    train(SETTINGS, dataset, tmp_path / "whole", backend="e3nn")
    parts, whole = (load_file(tmp_path / d / "model.safetensors") for d in ("parts", "whole"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_other_seeds_give_other_weights(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    one = replace(SETTINGS, max_epochs=1)
    train(one, dataset, tmp_path / "a")
    train(replace(one, seed=4), dataset, tmp_path / "b")
    a, b = (load_file(tmp_path / d / "model.safetensors") for d in "ab")
    assert not torch.equal(a["embed.weights.0e"], b["embed.weights.0e"])


def test_budget_ends_cleanly_with_the_best_weights(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    settings = replace(SETTINGS, max_epochs=10**6, budget_minutes=0.02, dtype="float64")
    began = time.monotonic()
    train(settings, dataset, tmp_path / "model")
    assert time.monotonic() - began < 30
    record = json.loads((tmp_path / "model" / "model.json").read_text())
    assert record["training"]["stopped"] == "used budget_minutes 0.02"
    assert record["dtype"] == "float64"
    losses = [float(r["validation_loss"]) for r in csv.DictReader((tmp_path / "model" / "metrics.csv").open())]
    model = load_model(tmp_path / "model" / "model.safetensors")
    found = errors(model, Batches(dataset.split("validation"), model), loss_of(dataset, settings))
    assert found.loss == pytest.approx(min(losses), rel=1e-9)


def test_killed_while_validating_at_the_end_of_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    settings = replace(SETTINGS, max_epochs=10**6, budget_minutes=0.0005, batch_size=1)
    monkeypatch.setattr(run, "CHECKPOINT_EVERY_S", 0.0)

    def killed(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(run, "errors", killed)
        with pytest.raises(InterruptedError):
            train(settings, dataset, tmp_path / "model")
    train(settings, dataset, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "model.json").read_text())["training"]["epochs"] >= 1


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    small_dataset(tmp_path / "d.h5")
    (tmp_path / "training.yaml").write_text(yaml.safe_dump(asdict(SETTINGS)))
    arguments = ["train", "--settings", "training.yaml", "--dataset", "d.h5", "--output", "model"]
    for limit, code in ((5_000, 1), (-1, 0)):
        script = f"""
import resource
from trajcast.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
raise SystemExit(main({arguments!r}))"""
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        if limit > 0:
            assert "Traceback" not in done.stderr
            last = done.stderr.splitlines()[-1]
            assert last.startswith("trajcast train: failure: [Errno 27] File too large; make room, then run the same")
            assert not list(tmp_path.glob(".model*part"))
    assert (tmp_path / "model" / "model.json").exists()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"PK\x03\x04"):
        (tmp_path / "c").write_bytes(content)
        with pytest.raises(UserError, match="damaged checkpoint"):
            read_checkpoint(tmp_path / "c")


def test_weights_that_are_not_finite_are_never_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The only update throws the weights off: no batch sees it, validation does, and the first weights are kept."""
    dataset = small_dataset(tmp_path / "d.h5")
    once = {"learning_rate": 1e30, "samples": 4, "batch_size": 4, "max_epochs": 1}
    train(replace(SETTINGS, **once), dataset, tmp_path / "model")
    assert "back to the last good weights, at 0.5 times the learning rate" in caplog.text
    (row,) = csv.DictReader((tmp_path / "model" / "metrics.csv").open())
    assert math.isfinite(float(row["validation_loss"]))


def test_divergence_is_an_error_not_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safeguard, "LOOK_EVERY", 5)
    monkeypatch.setattr(safeguard, "TOO_MANY", 1)
    dataset = small_dataset(tmp_path / "d.h5")
    with pytest.raises(UserError, match=r"the learning rate halved 10 times; .* lower learning_rate"):
        train(replace(SETTINGS, learning_rate=1e30, max_epochs=400), dataset, tmp_path / "model")
    assert not (tmp_path / "model" / "model.safetensors").exists()


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("bad", [np.nan, 1e30, 30.0])
def test_a_bad_pair_is_skipped_and_counted(optimizer: str, bad: float, tmp_path: Path) -> None:
    """Updates with a broken pair among them give the weights of those without it."""
    dataset, found = small_dataset(tmp_path / "d.h5"), []
    settings = replace(SETTINGS, optimizer=optimizer)
    for batches in ([[0, 1], [2, 3], [4, 5], [6, 7]], [[0, 1], [2, 3], [20, 21], [4, 5], [6, 7]]):
        model = TrajCast(NETWORK, scales_of(dataset, settings), torch.Generator().manual_seed(1)).to(torch.float32)
        updates = Updates(model, dataset.split("training"), loss_of(dataset, settings), settings)
        updates.batches.arrays[2] = updates.batches.arrays[2].clone()  # else it is the data set's own
        updates.batches.arrays[2][21] = bad
        for chosen in batches:
            updates.take(np.array(chosen), 0.01)
        found.append(updates)
    assert torch.equal(found[0].parameters.vector, found[1].parameters.vector)
    assert torch.equal(found[0].parameters.averages, found[1].parameters.averages)
    assert torch.equal(found[0].seen, found[1].seen)
    assert found[1].seen[1] == 4
    assert torch.isfinite(found[1].seen).all()


def test_too_large_a_rate_is_lowered_until_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 300 times a good rate the loss grows; the run halves it by itself, and the same way when it is repeated."""
    monkeypatch.setattr(safeguard, "LOOK_EVERY", 5)
    monkeypatch.setattr(safeguard, "TOO_MANY", 1)
    dataset, found = small_dataset(tmp_path / "d.h5"), []
    settings = replace(SETTINGS, learning_rate=5.0, max_epochs=30)
    for name in ("one", "two"):
        train(settings, dataset, tmp_path / name)
        found.append((tmp_path / name / "model.safetensors").read_bytes())
    assert found[0] == found[1]
    rows = list(csv.DictReader((tmp_path / "one" / "metrics.csv").open()))
    assert float(rows[-1]["learning_rate"]) < 2.5
    assert float(rows[-1]["validation_loss"]) <= min(float(row["validation_loss"]) for row in rows) * 8


def test_more_samples_than_there_are(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    with pytest.raises(UserError, match=r"training.samples 25 exceeds the 24"):
        train(replace(SETTINGS, samples=25), dataset, tmp_path / "model")


def test_evaluating_at_another_horizon_is_refused(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    train(replace(SETTINGS, max_epochs=1), dataset, tmp_path / "model")
    other = small_dataset(tmp_path / "e.h5", horizon_fs=5.0)
    with pytest.raises(UserError, match=r"model's horizon is 2 fs, the data set's 5 fs"):
        evaluate(load_model(tmp_path / "model" / "model.safetensors"), other)


@pytest.mark.parametrize("damage", ["truncated", "foreign json", "other network", "no dtype", "missing"])
def test_damaged_model_files_are_refused(tmp_path: Path, damage: str) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    train(replace(SETTINGS, max_epochs=1), dataset, tmp_path / "model")
    weights, record = tmp_path / "model" / "model.safetensors", tmp_path / "model" / "model.json"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "foreign json":
        record.write_text('{"format": "something else"}')
    elif damage == "other network":
        values = json.loads(record.read_text())
        values["network"]["channels"] = 5
        record.write_text(json.dumps(values))
    elif damage == "no dtype":
        values = json.loads(record.read_text())
        del values["dtype"]
        record.write_text(json.dumps(values))
    else:
        weights.unlink()
    with pytest.raises(UserError, match=r"model\.(safetensors|json)"):
        load_model(weights)


def test_saved_model_predicts_the_same(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "d.h5")
    train(replace(SETTINGS, max_epochs=1), dataset, tmp_path / "model")
    model = load_model(tmp_path / "model" / "model.safetensors")
    again = load_model(tmp_path / "model" / "model.safetensors")
    pairs = dataset.split("test")
    assert errors(model, Batches(pairs, model)) == errors(again, Batches(pairs, again))
    assert model.scales == again.scales
    assert not any(p.requires_grad for p in model.parameters())
