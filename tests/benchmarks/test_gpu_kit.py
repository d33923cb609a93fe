"""The GPU kit on the CPU: everything it does, with a small network, where only the core's requirements are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from small_dataset import small_dataset  # noqa: E402

from benchmarks import gpu, gpu_parity  # noqa: E402
from benchmarks.gpu_training import join_checkpoint, split_checkpoint, train_until, training_settings  # noqa: E402
from benchmarks.gpu_worker import perform  # noqa: E402
from benchmarks.models import NETWORKS  # noqa: E402
from trajcast.model.ops import dense  # noqa: E402
from trajcast.training.checkpoint import read_checkpoint  # noqa: E402

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
CHECK = {"case": "molecule-20", "network": "small", "dtype": "float64", "backend": "dense"}


def test_the_whole_kit_goes_on_from_an_earlier_call(tmp_path: Path):
    data, out = tmp_path / "data.h5", tmp_path / "out"
    small_dataset(data, samples=400)
    command = ["-m", "benchmarks.gpu", "--device", "cpu", "--network", "small", "--data", str(data), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "core_alone"), "OMP_NUM_THREADS": "1"}
    epochs, parity = [], []
    for minutes in ("0.3", "0.15"):
        run = subprocess.run(
            [sys.executable, *command, "--minutes", minutes], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        summary = json.loads((out / "summary.json").read_text())
        epochs.append(summary["training"]["epochs"])
        parity.append((summary["parity"], summary["speed"]))
    assert parity[0] == parity[1]  # those of the first call
    assert epochs[1] > epochs[0]
    assert len((out / "metrics.csv").read_text().splitlines()) == 1 + epochs[1]
    assert all(check["result"]["within"] for check in summary["parity"])
    assert 0 < summary["test"]["velocity_mae_percent"] < 200
    assert summary["rollout"]["replicas"][0]["outcome"]
    files = list(out.iterdir())
    assert len(files) <= 8
    assert all(file.is_file() and file.stat().st_size < 16e6 for file in files)
    assert list(tmp_path.iterdir()) in ([data, out], [out, data])


def test_a_checkpoint_survives_being_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.gpu_training.PART", 20_000)
    dataset, work = small_dataset(tmp_path / "data.h5"), tmp_path / "work"
    work.mkdir()
    network = replace(NETWORKS["small"], channels=4, layers=1)
    settings = training_settings(network, dataset)
    train_until(time.monotonic() + 4, settings, dataset, tmp_path, work, CPU, "dense")
    before = read_checkpoint(work / "checkpoint")
    assert len(list(tmp_path.glob("checkpoint-*"))) > 1
    join_checkpoint(tmp_path, tmp_path / "again")
    after = read_checkpoint(tmp_path / "again")
    for name in ("weights", "averages", "best"):
        assert torch.equal(getattr(before, name), getattr(after, name))
    assert (before.schedule, before.rows, before.epoch) == (after.schedule, after.rows, after.epoch)
    split_checkpoint(tmp_path / "nothing", tmp_path)  # nothing to take apart: the parts stay
    assert len(list(tmp_path.glob("checkpoint-*"))) > 1


def test_parity_is_seen_and_its_loss_too(monkeypatch: pytest.MonkeyPatch):
    assert gpu_parity.compare(**CHECK, device=CPU)["within"]
    correct = dense.node_product
    monkeypatch.setattr(dense, "node_product", lambda *a: {k: x * (1 + 1e-7) for k, x in correct(*a).items()})
    gpu_parity._computed.cache_clear()
    found = gpu_parity.compare(**CHECK, device=CPU)
    gpu_parity._computed.cache_clear()
    assert not found["within"]
    assert 1e-9 < found["gradient"] < 1e-5


def test_backends_that_fail_are_not_used():
    passed, failed = {"result": {"within": True}}, {"result": {"within": False}}
    checks = [
        {"backend": "dense", "dtype": "float32", **passed},
        {"backend": "llvm", "dtype": "float32", **passed},
        {"backend": "llvm", "dtype": "float64", **failed},
        {"backend": "triton", "dtype": "float32", "failed": "its process ended with status -11"},
        {"backend": "scatter", "dtype": "float64", **passed},
    ]
    assert gpu.usable(SimpleNamespace(summary={"parity": checks})) == ["dense", "e3nn"]


def test_a_failure_does_not_stop_what_follows():
    tasks = [{"do": "parity", **CHECK, "device": "cpu", "backend": name} for name in ("none", "e3nn")]
    found = perform(tasks, time.monotonic() + 60)
    assert "'none' is not known" in found[0]["failed"]
    assert found[1]["result"]["within"]
    assert perform(tasks, time.monotonic() + 0.1) == []


def test_the_data_sets_case():
    def like(numbers: list[int], pbc: bool) -> str:
        spec = SimpleNamespace(numbers=np.array(numbers), pbc=np.full(3, pbc), n_atoms=len(numbers))
        return gpu._nearest(SimpleNamespace(spec=spec))

    assert like([6, 1, 8], False) == "molecule-20"
    assert like([14, 8, 8], True) == "crystal-162"
    assert like([8, 1, 1], True) == "liquid-192"
