"""Several processes share the work and come to the weights of one; padded batches teach what plain ones do."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_dataset import small_dataset

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.training.loop import train

NETWORK = NetworkSettings(cutoff_A=3.0, channels=4, l_max=1, layers=1, radial_mlp=[8, 4], speed_mlp=[8, 4])
SETTINGS = TrainingSettings(network=NETWORK, samples=21, seed=3, batch_size=4, max_epochs=2, ema_decay=0.9)
"""The last batch of an epoch has one sample: the share of the second of two processes is empty."""


def arguments(folder: Path) -> list[str]:
    (folder / "training.yaml").write_text(yaml.safe_dump(asdict(SETTINGS)))
    files = {"settings": folder / "training.yaml", "dataset": folder.parent / "d.h5", "output": folder / "model"}
    return ["train", *(str(part) for name, path in files.items() for part in (f"--{name}", path))]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run by one process."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    folder.mkdir()
    train(SETTINGS, small_dataset(folder.parent / "d.h5"), folder / "model")
    return folder


def assert_same_run(one: Path, other: Path) -> None:
    """Weights and metrics agree to rounding."""
    a, b = (load_file(folder / "model" / "model.safetensors") for folder in (one, other))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-9, atol=1e-11)
    rows = [list(csv.DictReader((folder / "model" / "metrics.csv").open())) for folder in (one, other)]
    assert len(rows[0]) == len(rows[1]) == SETTINGS.max_epochs
    for row, same in zip(*rows, strict=True):
        for name in row.keys() - {"time_s"}:
            assert float(row[name]) == pytest.approx(float(same[name]), rel=1e-9)


def test_two_processes_give_the_weights_of_one(whole: Path) -> None:
    folder = whole.parent / "torchrun"
    folder.mkdir()
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    command = [*launcher, "-m", "trajcast", *arguments(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert_same_run(whole, folder)
    assert json.loads((folder / "model" / "model.json").read_text())["training"]["processes"] == 2
    assert done.stderr.count("epoch 2: 0 of 6 batches") == 1, "only the first process shows progress"


def test_two_killed_processes_go_on_to_the_weights_of_one(whole: Path) -> None:
    folder = whole.parent / "killed"
    folder.mkdir()
    assert run_two(folder, kill=True) == [-signal.SIGKILL, -signal.SIGKILL]
    (checkpoint,) = folder.glob(".*.checkpoint")
    assert run_two(folder) == [0, 0]
    assert not checkpoint.exists()
    assert_same_run(whole, folder)


def run_two(folder: Path, kill: bool = False) -> list[int]:
    """Two processes as torchrun starts them; both are killed as soon as there is a checkpoint."""
    script = f"""
import trajcast.training.run as run
run.CHECKPOINT_EVERY_S = 0.0
from trajcast.cli import main
raise SystemExit(main({arguments(folder)!r}))"""
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": free_port()}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]
    if kill:
        deadline = time.monotonic() + 100
        while not list(folder.glob(".*.checkpoint")) and time.monotonic() < deadline:
            time.sleep(0.005)
        for process in processes:
            process.kill()
    return [process.wait(timeout=100) for process in processes]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return str(probe.getsockname()[1])
