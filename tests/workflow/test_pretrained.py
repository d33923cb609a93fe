"""Finished models in place of training, shipped or a user's own: straight to rollouts and the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from project import PAGE, change, planned, ran, snakemake

from trajcast import shipped

pytestmark = [pytest.mark.slow, pytest.mark.workflow]
FOLDER = "results/liquid/2fs/model-waters"
TRAINED = {"runs.1fs": {"horizon_fs": 1.0}}


def test_finished_model_is_rolled_out_and_reported_without_training(results: Path) -> None:
    trained = results / "results/liquid/2fs/model-n40-s1"
    models = results / "models"
    models.mkdir()
    for end in ("safetensors", "json"):
        shutil.copy2(trained / f"model.{end}", models / f"waters.{end}")
    change(results, TRAINED | {"runs.mine": {"model": "models/waters.safetensors", "horizon_fs": 2.0}})
    expected = dict.fromkeys(("pretrained", "evaluate", "rollout", "observe", "report"), 1)
    assert planned(results) == expected
    run = snakemake(results, "--", PAGE)
    assert run.returncode == 0, run.stdout
    assert ran(run.stdout) == expected
    assert planned(results) == {}
    copied = results / FOLDER / "model.safetensors"
    assert copied.read_bytes() == (trained / "model.safetensors").read_bytes()
    ours, theirs = (json.loads((folder / "test.json").read_text()) for folder in (results / FOLDER, trained))
    assert ours == theirs
    page = (results / PAGE).read_text(encoding="utf-8")
    assert "networks (n40-s1 and waters)" in page
    assert "mine, Δt = 2 fs" in page


def test_training_goes_on_from_a_finished_model(results: Path) -> None:
    """At every horizon; another model in its place trains again, a change of nothing does not."""
    earlier = {horizon: results / f"results/liquid/{horizon}fs/model-n40-s1" for horizon in (1, 2)}
    for horizon, folder in earlier.items():
        shutil.copytree(folder, results / f"models/{horizon}")
    shutil.copytree(results / "models/2", results / "models/earlier")
    change(results, {"training.initial": "models/earlier/model.safetensors"})
    expected = {"train": 2, "evaluate": 2, "rollout": 2, "observe": 2, "report": 1}
    assert planned(results) == expected
    run = snakemake(results, "--", PAGE)
    assert run.returncode == 0, run.stdout
    assert ran(run.stdout) == expected
    assert planned(results) == {}
    for end in ("safetensors", "json"):
        shutil.copy(results / f"models/1/model.{end}", results / f"models/earlier/model.{end}")
    assert planned(results) == expected


def test_shipped_model_is_taken_by_its_name(results: Path) -> None:
    """Beside a trained one; at its own horizon, which has a data set of its own."""
    short = {"duration_ps": 0.05, "equilibration_ps": 0.01}
    change(results, TRAINED | {"runs.shipped": {"model": "water-5fs", "rollout": short}})
    jobs = ("pretrained", "dataset", "evaluate", "rollout", "observe", "report")
    assert planned(results) == dict.fromkeys(jobs, 1)
    run = snakemake(results, "--", PAGE)
    assert run.returncode == 0, run.stdout
    copied = results / "results/liquid/5fs/model-water-5fs"
    weights = shipped.resolve("water-5fs")
    assert (copied / "model.safetensors").read_bytes() == weights.read_bytes()
    assert (copied / "model.json").read_bytes() == weights.with_suffix(".json").read_bytes()
    outcome = json.loads((results / "results/liquid/runs/shipped/outcome.json").read_text(encoding="utf-8"))
    assert (outcome["horizon_fs"], outcome["planned_ps"]) == (5.0, 0.05)
    page = (results / PAGE).read_text(encoding="utf-8")
    assert "networks (n40-s1 and water-5fs)" in page
    assert "min, one core of an Intel Xeon" in page  # its training


def test_another_model_file_runs_what_depends_on_it(results: Path) -> None:
    other = "results/liquid/1fs/model-n40-s1/model.safetensors"
    change(results, TRAINED | {"runs.mine": {"model": other, "horizon_fs": 2.0}})
    run = snakemake(results, "--", PAGE)
    assert run.returncode != 0
    assert "its horizon is 1 fs, not the requested 2 fs" in run.stdout
    assert "Traceback" not in run.stdout
    assert not (results / "results/liquid/2fs/model-model/model.safetensors").exists()


def test_model_file_that_is_not_there_is_named(results: Path) -> None:
    change(results, {"runs.mine": {"model": "models/none.safetensors", "horizon_fs": 2.0}})
    run = snakemake(results, "--dry-run", "--", PAGE)
    assert run.returncode != 0
    assert "models/none.safetensors" in run.stdout


def test_studies_run_on_the_rolled_out_model_and_nothing_else_does(results: Path) -> None:
    change(
        results,
        {
            "studies.thermostat.tau_horizons": [10.0],
            "studies.thermostat.seeds": [3],
            "studies.same_start": {"horizons_fs": [2.0], "duration_fs": 40.0},
            "studies.speed.steps": 7,
        },
    )
    assert planned(results) == {}
    folder = "results/liquid/2fs/model-n40-s1"
    targets = [f"{folder}/{name}" for name in ("thermostat/tau10-s3.json", "same_start/md.h5md", "speed/1x1x1.json")]
    run = snakemake(results, "--", *targets)
    assert run.returncode == 0, run.stdout
    rules = ("thermostat", "same_start", "speed")
    assert ran(run.stdout) == dict.fromkeys(rules, 1)
    assert all((results / target).is_file() for target in targets)
    temperatures = json.loads((results / targets[0]).read_text(encoding="utf-8"))
    assert (temperatures["seed"], temperatures["tau_horizons"]) == (3, 10.0)
    change(results, {"studies.speed.steps": 6})
    assert planned(results, targets=targets) == {"speed": 1}
