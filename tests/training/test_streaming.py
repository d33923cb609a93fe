"""Training on pairs that LAMMPS makes beside it: the same weights however interrupted, and nothing left behind."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import tiny_reference
import yaml

from trajcast.config.settings import DatasetSettings, NetworkSettings, SampleCounts, StreamSettings, TrainingSettings
from trajcast.data.dataset import write_dataset
from trajcast.data.pairs import build_dataset
from trajcast.data.sources import Reading
from trajcast.io.trajectory import Trajectory
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series
from trajcast.reference.chunks import chunk_file, chunk_to_begin_with, run_chunk
from trajcast.reference.protocol import perform

pytestmark = pytest.mark.slow

STREAM = StreamSettings(processes=2, chunk_ps=0.2, decorrelation_ps=0.1, spacing_fs=20.0, uses=2)
SETTINGS = TrainingSettings(
    network=NetworkSettings(cutoff_A=3.0, channels=4, l_max=1, layers=1, radial_mlp=[8, 4], speed_mlp=[8, 4]),
    samples=6,
    seed=3,
    batch_size=2,
    max_epochs=4,
    dtype="float32",
    ema_decay=0.9,
    stream=STREAM,
)
HORIZON_FS = 5.0
EQUILIBRATION = {"duration_ps": 1.0, "damping_fs": 100.0}
NVE = {"duration_ps": 0.1, "interval_fs": 5.0, "start_window_K": 100.0, "start_spacing_ps": 0.05}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference MD and a data set of 27 waters, and the settings of a training as a file."""
    folder = tmp_path_factory.mktemp("stream")
    changes = {"equilibration": EQUILIBRATION, "nve": NVE}
    tiny_reference.settings_file(folder, **changes)
    settings = tiny_reference.settings(**changes)
    for part in ("equilibration", *(f"nve_{run}" for run in range(1, 6))):
        perform(settings, part, folder)
    runs = [folder / f"nve_{run}.h5md" for run in range(1, 6)]
    dataset = DatasetSettings(horizon_fs=HORIZON_FS, samples=SampleCounts(training=6, validation=4, test=4), seed=1)
    files = {"training": runs[:3], "validation": runs[3:4], "test": runs[4:]}
    write_dataset(folder / "d.h5", replace(build_dataset(dataset, files, Reading()), time_reversed=True))
    (folder / "training.yaml").write_text(yaml.safe_dump(asdict(SETTINGS)))
    return folder


def command(here: Path, name: str, **changes: Path | None) -> list[str]:
    files: dict[str, Path | None] = {
        "settings": here / "training.yaml",
        "dataset": here / "d.h5",
        "reference-settings": here / "reference.yaml",
        "starts": here / "starts.h5",
        "output": here / name,
    }
    given = {key: value for key, value in (files | changes).items() if value is not None}
    return [sys.executable, "-m", "trajcast", "train", *(f"--{key}={value}" for key, value in given.items())]


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def whole(here: Path) -> bytes:
    """The weights of a training that nothing interrupted."""
    done = run(command(here, "whole"))
    assert done.returncode == 0, done.stderr
    return (here / "whole" / "model.safetensors").read_bytes()


def test_every_epoch_has_pairs_of_its_own_and_chunks_go(here: Path, whole: bytes) -> None:
    """Two chunks of 10 pairs, both ways, in batches of 2: 20 updates an epoch; one new chunk an epoch."""
    assert not (here / ".whole.chunks").exists()
    rows = list(csv.DictReader((here / "whole" / "metrics.csv").open()))
    assert len(rows) == SETTINGS.max_epochs
    assert len({row["training_velocity_mae_percent"] for row in rows}) == SETTINGS.max_epochs


def test_killed_and_repeated_it_comes_to_the_same_weights(here: Path, whole: bytes) -> None:
    """kill -9 of the training, at several moments, ends the MD beside it, too."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for after_s in (2.5, 4.0):
        process = subprocess.Popen(command(here, "killed"), env=environment, stderr=subprocess.DEVNULL)
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        until = time.monotonic() + 20
        while makers(here / ".killed.chunks") and time.monotonic() < until:
            time.sleep(0.1)
        assert not makers(here / ".killed.chunks")
    done = run(command(here, "killed"))
    assert done.returncode == 0, done.stderr
    assert (here / "killed" / "model.safetensors").read_bytes() == whole


def makers(folder: Path) -> str:
    """Processes that make chunks in a folder."""
    found = subprocess.run(["pgrep", "-f", f"output={folder}"], capture_output=True, text=True, check=False)
    return found.stdout


def test_chunks_are_fresh_samples_at_constant_energy(here: Path, tmp_path: Path) -> None:
    """Each conserves its energy and begins at velocities of its own; repeated it is the same, bit for bit."""
    settings, ends = tiny_reference.settings(equilibration=EQUILIBRATION, nve=NVE), []
    for number in range(4):
        run_chunk(settings, STREAM, HORIZON_FS, here / "starts.h5", tmp_path, number)
        with Trajectory(chunk_file(tmp_path, number)) as chunk:
            assert len(chunk) == 40
            assert chunk.interval_fs == HORIZON_FS
            total, potential = chunk.energy("total"), chunk.energy("potential")
            assert total is not None
            assert potential is not None
            assert np.ptp(total) < 0.1 * np.ptp(potential)
            assert 200 < temperature_series(chunk)[ALL_ATOMS].mean() < 400
            ends.append(chunk.positions[-1])
    assert all(np.abs(a - b).max() > 0.1 for i, a in enumerate(ends) for b in ends[:i])
    assert not list(tmp_path.glob("decorrelation*"))
    again = tmp_path / "again"
    for number in (0, 2):
        run_chunk(settings, STREAM, HORIZON_FS, here / "starts.h5", again, number)
    with Trajectory(chunk_file(again, 2)) as chunk:
        assert np.array_equal(chunk.positions[-1], ends[2])


def test_a_chain_begins_where_it_is_needed(tmp_path: Path) -> None:
    """Not at its first chunk again, of which an interrupted training has long made use."""
    assert chunk_to_begin_with(tmp_path, 2, 1, 0) == 1
    assert chunk_to_begin_with(tmp_path, 2, 1, 8) == 1  # nothing is there: all anew
    for number in (5, 6):
        chunk_file(tmp_path, number).touch()
    assert chunk_to_begin_with(tmp_path, 2, 1, 6) == 7
    assert chunk_to_begin_with(tmp_path, 2, 0, 6) == 6
    assert chunk_to_begin_with(tmp_path, 2, 0, 9) == 8  # of which 10 is the next
    assert chunk_to_begin_with(tmp_path, 2, 1, 11) == 7


def test_a_stream_needs_its_reference(here: Path) -> None:
    done = run(command(here, "none", starts=None))
    assert done.returncode == 2
    assert "needs reference MD; give --reference-settings and --starts" in done.stderr


def test_why_the_reference_failed_is_said(here: Path) -> None:
    done = run(command(here, "broken", starts=here / "training.yaml"))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "reference MD for the training exited with status 2" in done.stderr
    (log,) = {word for word in done.stderr.split() if word.endswith(".log")}
    assert "training.yaml" in Path(log).read_text()
