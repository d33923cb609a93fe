"""config/paper.yaml: the published numbers, a workflow that is built in seconds, and its cost."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import ROOT, environment, lay_out
from snakemake.utils import update_config

from trajcast import cli
from trajcast.config.schema import RunSettings
from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.pipeline import studies
from trajcast.pipeline.jobs import ANNOUNCE, PlannedJob, read_jobs
from trajcast.pipeline.plan import Plan

OVERLAY = "config/paper.yaml"
PAGE = "results/paper/report.html"
SECONDS = 10.0

# arXiv:2503.23794v1 and its supplementary information: molecule, crystal, liquid
PUBLISHED: dict[str, tuple[Any, Any, Any]] = {
    "horizons_fs": ([0.5, 1, 2, 3, 5, 7, 10, 15], [1, 2, 5, 10, 20, 30, 50], [0.5, 1, 2, 5, 7, 10, 15, 20]),
    "reference.temperature_K": (300, 300, 300),
    "reference.timestep_fs": (0.5, 1, 0.5),
    "reference.equilibration.duration_ps": (25, 50, 10),
    "reference.equilibration.damping_fs": (5, 100, 500),
    "reference.nve.runs": (5, 5, 5),
    "reference.nve.duration_ps": (100, 100, 50),
    "reference.nve.start_spacing_ps": (1, 0.1, 0.1),
    "reference.nve.start_window_K": (None, 10, 20),
    "reference.nve.start_window_percent": (0.1, None, None),
    "reference.nvt.tau_fs": (50, 100, 50),
    "training.network.cutoff_A": (4, 4.5, 6),
    "dataset.samples.training": (10000, 5000, 5000),
    "dataset.samples.validation": (2500, 1250, 1250),
    "dataset.samples.test": (1000, 1000, 1000),
    "training.samples": (10000, 5000, 5000),
    "training.batch_size": (10, 2, 2),
    "rollout.temperature_K": (300, 300, 300),
    "rollout.thermostat": ("csvr", "csvr", "csvr"),
    "rollout.tau_horizons": (10, 2.5, 10),
    "studies.learning.samples": ([1000, 5000, 10000], [500, 2500, 5000], [500, 2500, 5000]),
    "studies.learning.seeds": ([1, 2, 3],) * 3,
    "studies.learning.horizons_fs": ([0.5, 1, 5, 10, 15], [1, 2, 10, 20, 30], [0.5, 1, 5, 10, 15]),
    "studies.thermostat.horizons_fs": (None, None, None),  # all
    "studies.thermostat.tau_horizons": ([10, 50, 100],) * 3,
    "studies.thermostat.seeds": ([1, 2, 3],) * 3,
    "studies.thermostat.steps": (100000,) * 3,
    "studies.speed.steps": (1000,) * 3,
    "studies.speed.supercells": (
        [[1, 1, 1]],
        [[1, 1, 1], [2, 2, 2], [3, 3, 3]],
        [[1, 1, 1], [2, 2, 2], [3, 3, 3]],
    ),
}
PUBLISHED_OF_ONE: dict[tuple[str, str], Any] = {
    ("molecule", "reference.equilibration.chain_length"): 10,
    ("molecule", "rollout.remove_com_motion_every"): 100,
    ("molecule", "studies.same_start.horizons_fs"): [0.5, 7],
    ("molecule", "studies.same_start.duration_fs"): 504,  # 500, rounded up to whole steps of both
    ("crystal", "reference.equilibration.chain_length"): 3,
    ("crystal", "reference.equilibration.npt.duration_ps"): 10,
    ("crystal", "reference.equilibration.npt.pressure_bar"): 1,
    ("crystal", "reference.equilibration.npt.damping_fs"): 100,
    ("crystal", "reference.parameters.supercell"): [3, 3, 2],
    ("crystal", "reference.parameters.coulomb_cutoff_A"): 10.17,
    ("liquid", "reference.parameters.molecules"): 64,
    ("liquid", "reference.parameters.box_A"): 12.4172,
    ("liquid", "studies.cooling.final_temperature_K"): 180,
}
SYSTEMS = ("molecule", "crystal", "liquid")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """config.yaml with the overlay, as Snakemake lays it over."""
    merged: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(merged, yaml.safe_load((ROOT / OVERLAY).read_text(encoding="utf-8")))
    return merged


@pytest.fixture(scope="module")
def plan(values: dict[str, Any]) -> Plan:
    return Plan(values)


def value(plan: Plan, system: str, key: str) -> Any:
    found: Any = plan.system(system)
    for name in key.split("."):
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    return found


@pytest.mark.parametrize("key", PUBLISHED)
def test_numbers_are_the_published_ones(plan: Plan, key: str) -> None:
    assert tuple(value(plan, system, key) for system in SYSTEMS) == PUBLISHED[key]


@pytest.mark.parametrize(("system", "key"), PUBLISHED_OF_ONE)
def test_numbers_of_one_system_are_the_published_ones(plan: Plan, system: str, key: str) -> None:
    assert value(plan, system, key) == PUBLISHED_OF_ONE[system, key]


def test_models_trained_here_are_rolled_out_at_the_published_horizons(plan: Plan) -> None:
    runs = {"molecule": "7fs", "crystal": "30fs", "liquid": "5fs"}
    for system, run in runs.items():
        assert plan.system(system).rollouts == {run: RunSettings(horizon_fs=float(run[:-2]))}
        assert plan.judged_by(system, run) == {"md": f"results/{system}/reference/nvt.h5md"}  # of the published length


@pytest.mark.parametrize(
    ("system", "steps", "md_ps"), [("molecule", 10**6, 1e4), ("crystal", 5e5, 1.5e4), ("liquid", 5e5, 2.5e3)]
)
def test_lengths_are_the_published_ones(plan: Plan, system: str, steps: float, md_ps: float) -> None:
    configured = plan.system(system)
    [run] = configured.rollouts
    horizon_fs = configured.horizon_of(run)
    assert configured.rollout.duration_ps * 1000 / horizon_fs == pytest.approx(steps)
    assert configured.rollout.equilibration_ps == pytest.approx(configured.rollout.duration_ps / 10)
    assert 0 <= configured.reference.nvt.duration_ps - md_ps < horizon_fs / 1000  # whole frames
    assert configured.reference.nvt.interval_fs == horizon_fs


def test_training_is_the_published_one_whatever_config_yaml_says(plan: Plan) -> None:
    for system in SYSTEMS:
        training = plan.system(system).training
        assert training == TrainingSettings(
            samples=training.samples,
            seed=1,
            batch_size=training.batch_size,
            optimizer="adam",
            network=NetworkSettings(cutoff_A=training.network.cutoff_A),
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("paper") / "project")


@dataclass(frozen=True)
class DryRun:
    """Its output, the jobs that it announces, and its time on the processor."""

    output: str
    jobs: list[PlannedJob]
    seconds: float


@pytest.fixture(scope="module")
def dry_run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> DryRun:
    """From an empty folder."""
    announced = tmp_path_factory.mktemp("announced") / "jobs"
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nocolor", "--configfile", OVERLAY, "--", PAGE]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        command, cwd=folder, env=environment() | {ANNOUNCE: str(announced)}, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.returncode == 0, run.stdout + run.stderr
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return DryRun(run.stdout + run.stderr, read_jobs(announced.read_text(encoding="utf-8")), seconds)


def test_workflow_is_built_in_seconds(dry_run: DryRun) -> None:
    assert dry_run.seconds < SECONDS


def test_every_job_of_the_protocol_is_planned(plan: Plan, dry_run: DryRun) -> None:
    jobs = dry_run.jobs
    count = {rule: sum(job.rule == rule for job in jobs) for rule in {job.rule for job in jobs}}
    total = re.search(r"^total +(\d+)$", dry_run.output, re.MULTILINE)
    assert total is not None
    assert len(jobs) == int(total[1])
    said = re.search(r"(\d+) jobs", (ROOT / "docs/paper.md").read_text(encoding="utf-8"))
    assert said is not None
    assert len(jobs) == int(said[1])
    assert count["nve"] == 15
    assert count["nvt"] == count["equilibration"] == count["health"] == 3
    assert count["dataset"] == 8 + 7 + 8
    models = {(s, *model) for s in SYSTEMS for model in studies.learning(plan, s)}
    models |= {(s, h, plan.system(s).training.samples, 1) for s in SYSTEMS for h in plan.horizons(s)}
    assert count["train"] == count["evaluate"] == len(models) == 45 * 3 + 3 + 2 + 3
    assert count["thermostat"] == sum(len(studies.thermostat_runs(plan, s)) for s in SYSTEMS) == 9 * (8 + 7 + 8)
    assert count["speed"] == 1 + 3 + 3
    assert count["rollout"] == count["observe"] == 3
    assert count["paper_figure"] == 8
    assert count["paper_table"] == 2


def test_the_cost_is_told_before(
    folder: Path, dry_run: DryRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert cli.main(["plan", "--configfile", OVERLAY, "--", PAGE]) == 0
    text = capsys.readouterr().out
    row = re.search(r"^ total +(\d+) ", text, re.MULTILINE)
    assert row is not None
    assert int(row[1]) == len(dry_run.jobs)
    assert "Not counted" not in text
    for words in ("GPU-hours", "GB", "V100"):
        assert words in text
    assert not (folder / "results").exists()


def test_what_snakemake_cannot_plan_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert cli.main(["plan", "results/nothing/report.html"]) == 2
    error = capsys.readouterr().err
    assert "cannot produce these results: MissingRuleException: No rule to produce results/nothing/report.html" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("text", ["", "- systems"])
def test_an_overlay_without_keys_is_named(
    text: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    assert cli.main(["plan", "--configfile", str(tmp_path / "empty.yaml")]) == 2
    assert re.search("empty.yaml: holds (nothing|no mapping of keys to values)", capsys.readouterr().err)
