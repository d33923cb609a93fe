"""After a change only what depends on it is run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from project import PAGE, change, planned, ran, settings_and_records, snakemake

pytestmark = [pytest.mark.slow, pytest.mark.workflow]


def test_unchanged_configuration_runs_nothing(results: Path) -> None:
    assert planned(results) == {}


def test_order_of_keys_runs_nothing(results: Path) -> None:
    for name in ("config.yaml", "config/test.yaml"):
        path = results / name
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump(_reversed(content), sort_keys=False), encoding="utf-8")
        assert list(yaml.safe_load(path.read_text(encoding="utf-8"))["systems"]["liquid"]) != list(
            content["systems"]["liquid"]
        )
    assert planned(results) == {}


def test_threads_and_cores_run_nothing(results: Path) -> None:
    assert planned(results, "--cores", "4", "--set-threads", "train=2", "rollout=2") == {}


def test_observables_run_observe_and_report_only(results: Path) -> None:
    change(results, {"observables.rdf_bins": 40})
    expected = {"observe": 2, "report": 1}
    assert planned(results) == expected
    run = snakemake(results, "--", PAGE)
    assert run.returncode == 0, run.stdout
    assert ran(run.stdout) == expected
    assert planned(results) == {}
    found = settings_and_records(results / "results/liquid")
    assert [found[f"runs/{name}fs/observables.yaml"][0]["rdf_bins"] for name in (1, 2)] == [40, 40]
    assert all(written == recorded for written, recorded in found.values())


def test_rollout_does_not_train(results: Path) -> None:
    change(results, {"rollout.seed": 2})
    assert planned(results) == {"rollout": 2, "observe": 2, "report": 1}


def test_more_replicas_are_declared_and_rolled_out(results: Path) -> None:
    change(results, {"rollout.replicas": 3})
    assert planned(results) == {"rollout_3_replicas": 2, "observe": 2, "report": 1}
    dry = snakemake(results, "--dry-run", "--quiet", "host", "--", PAGE)
    for name in ("rollout.h5md", "outcome.json", "rollout-3.h5md", "outcome-3.json"):
        assert f"results/liquid/runs/2fs/{name}" in dry.stdout
    assert "rollout-4.h5md" not in dry.stdout


def test_one_rollouts_settings_run_it_alone(results: Path) -> None:
    """First the rollouts that there are anyway, by their names."""
    change(results, {"runs.1fs": {"horizon_fs": 1.0}, "runs.2fs": {"horizon_fs": 2.0}})
    assert planned(results) == {}
    change(results, {"runs.2fs.rollout": {"seed": 2, "replicas": 2}})
    expected = {"rollout_2_replicas": 1, "observe": 1, "report": 1}
    assert planned(results) == expected
    run = snakemake(results, "--", PAGE)
    assert run.returncode == 0, run.stdout
    assert ran(run.stdout) == expected
    assert planned(results) == {}
    assert (results / "results/liquid/runs/2fs/rollout-2.h5md").is_file()
    found = settings_and_records(results / "results/liquid")
    rolled_out = [found[f"runs/{name}fs/rollout.yaml"][0] for name in (1, 2)]
    assert [(settings["seed"], settings["replicas"]) for settings in rolled_out] == [(1, 1), (2, 2)]
    assert all(written == recorded for written, recorded in found.values())


def test_a_further_rollout_of_a_model_does_not_train(results: Path) -> None:
    change(results, {f"runs.{horizon}fs": {"horizon_fs": float(horizon)} for horizon in (1, 2)})
    change(results, {"runs.again": {"horizon_fs": 2.0, "rollout": {"seed": 2}}})
    jobs = ("rollout", "observe", "report")
    assert planned(results) == dict.fromkeys(jobs, 1)
    run = snakemake(results, "--", PAGE)
    assert run.returncode == 0, run.stdout
    assert ran(run.stdout) == dict.fromkeys(jobs, 1)
    ours, theirs = (results / f"results/liquid/runs/{name}/rollout.h5md" for name in ("again", "2fs"))
    assert ours.read_bytes() != theirs.read_bytes()
    assert [path.name for path in (results / "results/liquid/2fs").glob("model-*")] == ["model-n40-s1"]
    assert "Δt = 2 fs, rollouts 2fs and again" in (results / PAGE).read_text(encoding="utf-8")
    change(results, {"runs.again": None})
    assert planned(results) == {"report": 1}


def test_dataset_does_not_run_reference(results: Path) -> None:
    change(results, {"dataset.seed": 2})
    following = ("dataset", "train", "evaluate", "rollout", "observe")
    assert planned(results) == dict.fromkeys(following, 2) | {"report": 1}


def test_training_does_not_run_reference_or_data_sets(results: Path) -> None:
    change(results, {"training.learning_rate": 0.0123})
    assert planned(results) == {
        "train": 2,
        "evaluate": 2,
        "rollout": 2,
        "observe": 2,
        "report": 1,
    }


def test_new_horizon_runs_its_own_jobs_and_the_report(results: Path) -> None:
    change(results, {"horizons_fs": [1.0, 2.0, 5.0]})
    of_horizon = ("dataset", "train", "evaluate", "rollout", "observe")
    assert planned(results) == dict.fromkeys((*of_horizon, "report"), 1)


def test_dropped_horizon_runs_the_report_only(results: Path) -> None:
    change(results, {"horizons_fs": [2.0]})
    assert planned(results) == {"report": 1}


def test_new_version_of_a_stage_runs_it_and_what_follows(results: Path) -> None:
    snakefile = results / "Snakefile"
    text = snakefile.read_text(encoding="utf-8")
    snakefile.write_text(text.replace('min_version("9.27")', 'CODE["observe"] += 1\nmin_version("9.27")'))
    assert planned(results) == {"observe": 2, "report": 1}


def _reversed(value: Any) -> Any:
    return {key: _reversed(value[key]) for key in reversed(value)} if isinstance(value, dict) else value
