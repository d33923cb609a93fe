"""One run of the tiny workflow, interrupted by kill -9 and continued, for all tests that need its results."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from project import PAGE, command, environment, lay_out, snakemake

TRAINING_LOGS = ("logs/liquid/1fs/model-n40-s1/train.log", "logs/liquid/2fs/model-n40-s1/train.log")
PATIENCE_S = 600


@dataclass(frozen=True)
class Finished:
    """The folder with all results, the continued run's output, and what was there before it: file → time of writing."""

    folder: Path
    continued: subprocess.CompletedProcess[str]
    before: dict[Path, int]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The workflow, killed with all its jobs in the middle of training, then started by the same command again."""
    folder = lay_out(tmp_path_factory.mktemp("workflow") / "project")
    with open(folder / "first.log", "w", encoding="utf-8") as log:
        first = subprocess.Popen(
            command("--", PAGE),
            cwd=folder,
            env=environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started = time.monotonic()
        while not any("epoch 1" in _text(folder / path) for path in TRAINING_LOGS):
            assert first.poll() is None, (folder / "first.log").read_text(encoding="utf-8")
            assert time.monotonic() - started < PATIENCE_S, "training did not begin"
            time.sleep(0.1)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    before = {path: path.stat().st_mtime_ns for path in (folder / "results").rglob("*") if path.is_file()}
    return Finished(folder=folder, continued=snakemake(folder, "--", PAGE), before=before)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def results(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the finished results that a test may change."""
    assert finished.continued.returncode == 0, finished.continued.stdout
    return Path(shutil.copytree(finished.folder, tmp_path / "project"))
