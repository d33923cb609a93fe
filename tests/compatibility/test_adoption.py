"""`results/` of TrajCast 0.1.0 is not made again by an update: `trajcast adopt` takes it over."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import h5py
import pytest

from trajcast.config.settings import TrainingSettings
from trajcast.config.validation import read_settings
from trajcast.data.dataset import read_dataset
from trajcast.io.trajectory import Trajectory
from trajcast.pipeline.driver import driver_lock
from trajcast.training.loop import checkpoint_path, training_identity

OLD = Path(__file__).parents[1] / "data" / "0.1.0"
ROOT = Path(__file__).parents[2]
MODEL = "results/molecule/7fs/model-n20-s1"
TARGETS = [
    "results/molecule/report.html",
    f"{MODEL}/thermostat/tau10-s1.json",
    f"{MODEL}/same_start/rollout.h5md",
    f"{MODEL}/speed/1x1x1.json",
]
TEST = ("--configfile", "config/test.yaml")

pytestmark = [pytest.mark.slow, pytest.mark.workflow]


def environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def planned(folder: Path) -> dict[str, int]:
    dry = run(folder, "snakemake", "--dry-run", "--nolock", *TEST, "--", *TARGETS)
    assert dry.returncode == 0, dry.stdout
    if "Nothing to be done" in dry.stdout:
        return {}
    table = dry.stdout.split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def positions(path: Path) -> str:
    with h5py.File(path) as file:
        return hashlib.sha256(file["particles/all/position/value"][()].tobytes()).hexdigest()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder: configuration, results and Snakemake's records of 0.1.0, the workflow of this version."""
    folder = tmp_path / "project"
    folder.mkdir()
    with tarfile.open(OLD / "molecule.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    shutil.copy2(ROOT / "Snakefile", folder)
    for name in ("workflow", "envs", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def upgraded(folder: Path) -> None:
    done = run(folder, "trajcast", "config", "upgrade", "config.yaml", "config/test.yaml")
    assert done.returncode == 0, done.stdout


def test_old_keys_are_named_before_anything_else(project: Path) -> None:
    dry = run(project, "snakemake", "--dry-run", "--nolock", *TEST, "--", *TARGETS)
    assert dry.returncode == 1
    assert "forecast: is now called rollout" in dry.stdout
    assert "trajcast config upgrade" in dry.stdout


def test_nothing_is_started_over_results_that_were_not_adopted(project: Path) -> None:
    upgraded(project)
    before = {path: path.stat().st_mtime_ns for path in (project / "results").rglob("*") if path.is_file()}
    refused = run(project, "snakemake", "--cores", "1", "--nolock", *TEST, "--", *TARGETS)
    assert refused.returncode == 1
    assert "trajcast adopt" in refused.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_adopted_results_are_done(project: Path) -> None:
    upgraded(project)
    old = positions(project / "results/molecule/runs/trained-here/forecast.h5md")
    done = run(project, "trajcast", "adopt", *TEST, "--", *TARGETS)
    assert done.returncode == 0, done.stdout
    assert planned(project) == {}
    with Trajectory(project / "results/molecule/runs/trained-here/rollout.h5md") as rollout:
        assert rollout.provenance["stage"] == "rollout"
    assert positions(project / "results/molecule/runs/trained-here/rollout.h5md") == old
    assert [path for path in (project / "results").rglob("*forecast*") if path.suffix != ".lock"] == []
    again = run(project, "trajcast", "adopt", *TEST, "--", *TARGETS)
    assert "0 files renamed, 0 upgraded" in again.stdout


def test_what_the_configuration_no_longer_asks_for_is_made_anew(project: Path) -> None:
    upgraded(project)
    path = project / "config/test.yaml"
    text = path.read_text(encoding="utf-8")
    assert "max_temperature_K: 1.0e+6" in text
    path.write_text(text.replace("max_temperature_K: 1.0e+6", "max_temperature_K: 2.0e+6"), encoding="utf-8")
    done = run(project, "trajcast", "adopt", *TEST, "--", *TARGETS)
    assert done.returncode == 0, done.stdout
    assert "results/molecule/runs/trained-here/rollout.yaml" in done.stdout
    assert (project / "results/molecule/runs/trained-here/rollout.former.h5md").exists()
    plan = planned(project)
    assert plan.keys() == {"rollout", "thermostat", "same_start", "speed", "observe", "report"}
    observed = project / "results/molecule/runs/trained-here/observables"
    assert (observed / "summary.former.json").exists()  # made from the rollout
    assert not (observed / "summary.json").exists()


def test_what_is_older_than_its_input_is_made_anew(project: Path) -> None:
    upgraded(project)
    os.utime(project / "results/molecule/reference/nve_2.h5md")
    done = run(project, "trajcast", "adopt", *TEST, "--", *TARGETS)
    assert "older than results/molecule/reference/nve_2.h5md" in done.stdout
    assert "dataset" in planned(project)
    assert "nve" not in planned(project)


def test_in_two_steps(project: Path) -> None:
    """Without targets everything that the configuration asks for is covered; later calls cover the rest."""
    upgraded(project)
    first = run(project, "trajcast", "adopt", *TEST, "--", TARGETS[0])
    assert f"{MODEL}/speed/1x1x1.json: belongs to none of the targets" in first.stdout
    second = run(project, "trajcast", "adopt", *TEST)
    assert second.returncode == 0, second.stdout
    assert "set aside" not in second.stdout
    assert "none of the targets" not in second.stdout
    assert planned(project) == {}


def test_nothing_is_touched_before_the_targets_are_known(project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (project / "results").rglob("*")}
    with_old_keys = run(project, "trajcast", "adopt", *TEST)
    assert with_old_keys.returncode == 2
    assert "config upgrade" in with_old_keys.stdout
    upgraded(project)
    no_such_target = run(project, "trajcast", "adopt", *TEST, "--", "results/molecule/reprt.html")
    assert no_such_target.returncode == 2
    assert {path: path.stat().st_mtime_ns for path in (project / "results").rglob("*")} == before


@pytest.mark.parametrize("step", ["upgrade_files", "set_aside", "_record"])
def test_killed_it_goes_on(project: Path, step: str) -> None:
    upgraded(project)
    path = project / "config/test.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("blocks: 2", "blocks: 3"), encoding="utf-8")
    code = (
        "import os, signal; from trajcast.pipeline.adoption import adopt; "
        f"adopt.{step} = lambda *given: os.kill(os.getpid(), signal.SIGKILL); "
        f"adopt.adopt({TARGETS!r}, {list(TEST[1:])!r})"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=project, env=environment())
    assert killed.returncode == -9
    refused = run(project, "snakemake", "--cores", "1", "--nolock", *TEST, "--", *TARGETS)
    assert refused.returncode == 1
    assert "trajcast adopt" in refused.stdout
    done = run(project, "trajcast", "adopt", *TEST, "--", *TARGETS)
    assert done.returncode == 0, done.stdout
    assert planned(project).keys() == {"observe", "report"}


def test_results_on_another_disk(project: Path, tmp_path: Path) -> None:
    upgraded(project)
    elsewhere = tmp_path / "scratch"
    (project / "results/molecule").rename(elsewhere)
    (project / "results/molecule").symlink_to(elsewhere)
    assert run(project, "trajcast", "adopt", *TEST, "--", *TARGETS).returncode == 0
    assert planned(project) == {}


def test_a_running_workflow_is_left_alone(project: Path) -> None:
    upgraded(project)
    with driver_lock(project):
        refused = run(project, "trajcast", "adopt", *TEST, "--", *TARGETS)
    assert refused.returncode == 2
    assert "another snakemake is running" in refused.stdout
    assert (project / "results/molecule/runs/trained-here/forecast.h5md").exists()


def test_names_of_a_user(project: Path) -> None:
    """A run and files of one's own may be called forecast."""
    upgraded(project)
    own = project / "results/molecule/runs/forecast"
    own.mkdir()
    (own / "notes.yaml").write_text("forecast: rain\n")
    (project / "results/forecast-notes.yaml").touch()
    assert run(project, "trajcast", "adopt", *TEST, "--", *TARGETS).returncode == 0
    assert (own / "notes.yaml").read_text() == "forecast: rain\n"
    assert (project / "results/forecast-notes.yaml").exists()


def test_later_changes_are_noticed(project: Path) -> None:
    upgraded(project)
    assert run(project, "trajcast", "adopt", *TEST, "--", *TARGETS).returncode == 0
    path = project / "config/test.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("blocks: 2", "blocks: 3"), encoding="utf-8")
    assert planned(project).keys() == {"observe", "report"}


def test_pages_of_adopted_results_can_be_made_anew(project: Path) -> None:
    """All that 0.1.0 measured is read by this version's report."""
    upgraded(project)
    assert run(project, "trajcast", "adopt", *TEST, "--", *TARGETS).returncode == 0
    (project / TARGETS[0]).unlink()
    made = run(project, "snakemake", "--cores", "1", "--nolock", *TEST, "--", TARGETS[0])
    assert made.returncode == 0, made.stdout
    page = (project / TARGETS[0]).read_text(encoding="utf-8")
    assert "rollout" in page


def test_without_results_it_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "trajcast", "adopt")
    assert done.returncode == 2
    assert "no such folder" in done.stdout


def test_an_unfinished_training_resumes(project: Path) -> None:
    """Its checkpoint, which the file's name ties to settings and data, is found again."""
    upgraded(project)
    folder = project / MODEL
    identity = json.loads((folder / "model.json").read_text(encoding="utf-8"))["training"]["identity"]
    for name in ("model.json", "model.safetensors"):
        (folder / name).unlink()
    kept = b"what an interrupted training left"
    (folder.parent / f".{folder.name}.{identity}.checkpoint").write_bytes(kept)
    (folder.parent / f".{folder.name}.0123456789abcdef.checkpoint").write_bytes(b"of other settings")
    done = run(project, "trajcast", "adopt", *TEST, "--", *TARGETS)
    assert done.returncode == 0, done.stdout
    assert "1 unfinished trainings will resume" in done.stdout
    settings = read_settings(TrainingSettings, folder / "training.yaml")
    dataset = read_dataset(folder.parent / "dataset.h5")
    path = checkpoint_path(folder, training_identity(settings, dataset))
    assert path.read_bytes() == kept
    assert (folder.parent / f".{folder.name}.0123456789abcdef.checkpoint").exists()
