"""What the workflow reads from a configuration, and how it hands a stage its settings."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT

from trajcast import cli
from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.config.schema import TrainingSettings
from trajcast.config.validation import read_settings
from trajcast.core.errors import UserError
from trajcast.pipeline import studies
from trajcast.pipeline.plan import Plan


@pytest.fixture
def plan() -> Plan:
    return Plan(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))


def test_model_path_rules_over_the_configuration(plan: Plan) -> None:
    configured = json.loads(plan.settings("liquid", "training"))
    named = json.loads(plan.training_settings("liquid", "500", "7"))
    assert named == configured | {"samples": 500, "seed": 7}


def test_splits_come_from_different_trajectories(plan: Plan) -> None:
    runs = plan.nve("liquid")
    assert len(set(runs)) == len(runs) >= 5


def test_report_needs_every_rollout_and_each_model_once(plan: Plan) -> None:
    files = plan.reported("liquid")
    assert plan.runs("liquid") == ["water-5fs", "water-5fs-csvr", "trained-here"]
    for run in plan.runs("liquid"):
        for name in ("rollout.h5md", "outcome.json", "observables/summary.json"):
            assert f"results/liquid/runs/{run}/{name}" in files
    models = ["results/liquid/5fs/model-water-5fs", "results/liquid/5fs/model-n8000-s1"]
    assert [file for file in files if file.endswith("test.json")] == [f"{model}/test.json" for model in models]
    assert [file for file in files if file.endswith("metrics.csv")] == [f"{models[1]}/metrics.csv"]  # trained here


def test_studies_say_what_they_are_made_of_and_where_it_lies() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    values["systems"]["liquid"] |= {
        "runs": {"mine": {"model": "water.safetensors", "horizon_fs": 5.0}},
        "studies": {
            "learning": {"samples": [4000, 100], "seeds": [2], "horizons_fs": [5.0, 1.0]},
            "thermostat": {"tau_horizons": [2.5, 10.0], "seeds": [1], "steps": 1000, "horizons_fs": [5.0]},
            "same_start": {"horizons_fs": [5.0], "duration_fs": 500.0},
            "speed": {"supercells": [[1, 1, 1], [2, 2, 3]], "steps": 50},
        },
    }
    plan = Plan(values)
    assert studies.learning(plan, "liquid") == [("1", 100, 2), ("1", 4000, 2), ("5", 100, 2), ("5", 4000, 2)]
    assert plan.model_folder("liquid", *studies.learning(plan, "liquid")[0]) == "results/liquid/1fs/model-n100-s2"
    assert studies.thermostat_runs(plan, "liquid") == [("5", 2.5, 1), ("5", 10.0, 1)]
    folder = "results/liquid/5fs/model-water"
    assert studies.thermostat_run(plan, "liquid", "5", 2.5, 1) == f"{folder}/thermostat/tau2.5-s1.json"
    assert studies.same_start(plan, "liquid") == ["5"]
    assert studies.same_start_files(plan, "liquid", "5") == (
        f"{folder}/same_start/md.h5md",
        f"{folder}/same_start/rollout.h5md",
    )
    assert studies.speed(plan, "liquid") == [f"{folder}/speed/1x1x1.json", f"{folder}/speed/2x2x3.json"]
    assert plan.main_model_folder("liquid", "1") == "results/liquid/1fs/model-n8000-s1"  # which is not rolled out


def test_studies_change_of_a_rollout_what_they_are_about() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    values["systems"]["liquid"]["studies"] = {
        "thermostat": {"tau_horizons": [10.0], "seeds": [1], "steps": 1000},
        "same_start": {"horizons_fs": [5.0], "duration_fs": 500.0},
        "speed": {"supercells": [[2, 2, 3]], "steps": 50},
    }
    plan = Plan(values)
    base = json.loads(plan.settings("liquid", "rollout"))
    thermostat = json.loads(studies.thermostat_settings(plan, "liquid", "2", "50", "7"))
    assert thermostat == base | {"duration_ps": 2.0, "equilibration_ps": 0.2, "tau_horizons": 50.0, "seed": 7}
    same_start = json.loads(studies.same_start_settings(plan, "liquid"))
    assert same_start == base | {"duration_ps": 0.5, "equilibration_ps": 0.0, "thermostat": None}
    speed = json.loads(studies.speed_settings(plan, "liquid", "2", "2x2x3"))
    assert speed == base | {"duration_ps": 0.1, "equilibration_ps": 0.0, "supercell": [2, 2, 3]}


def test_studies_that_are_not_asked_for_are_empty_or_say_so() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    values["systems"]["liquid"].pop("studies", None)
    plan = Plan(values)
    found = (studies.learning, studies.thermostat_runs, studies.timestep, studies.same_start, studies.speed)
    assert [list(function(plan, "liquid")) for function in found] == [[]] * len(found)
    with pytest.raises(UserError, match=r"systems.liquid.studies.thermostat: missing; add it"):
        studies.thermostat_settings(plan, "liquid", "2", "50", "7")


def test_a_stage_takes_the_text_of_its_settings_and_writes_it_beside_its_results(plan: Plan, tmp_path: Path) -> None:
    """The same file whether it was given text or a file."""
    text, output, again = plan.settings("liquid", "training"), tmp_path / "training.yaml", tmp_path / "again.yaml"
    assert settings("--settings", text, "--write-settings", str(output)) == plan.system("liquid").training
    assert read_settings(TrainingSettings, output) == plan.system("liquid").training
    keys = list(yaml.safe_load(output.read_text(encoding="utf-8")))
    assert keys == sorted(keys)
    assert settings("--settings", str(output), "--write-settings", str(again)) == plan.system("liquid").training
    assert again.read_bytes() == output.read_bytes()


def settings(*words: str) -> TrainingSettings:
    parser = argparse.ArgumentParser()
    add_settings_argument(parser, "section `training`")
    return settings_of(TrainingSettings, parser.parse_args(words))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "--settings: not valid YAML"),
        ('{"samples": 3, "seed": 0}', "--settings: seed: 0 is wrong"),
        ('{"samples": 3, "seed": 1, "sead": 2}', "--settings: sead: unknown key (value 2)"),
    ],
)
def test_a_stage_writes_no_wrong_settings(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "training.yaml"
    command = ["train", "--settings", text, "--write-settings", str(output), "--output", str(tmp_path / "model")]
    assert cli.main([*command, "--dataset", str(tmp_path / "dataset.h5")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_settings_are_checked_and_written_without_a_heavy_library(plan: Plan, tmp_path: Path) -> None:
    """A user's mistake is told at once."""
    script = (
        "import sys; from trajcast import cli; code = cli.main(sys.argv[1:]); "
        "print([name for name in ('torch', 'numpy', 'MDAnalysis') if name in sys.modules]); sys.exit(code)"
    )
    output = tmp_path / "dataset.yaml"
    command = [sys.executable, "-c", script, "dataset", "--write-settings", str(output)]
    command += ["--training", "a.h5md", "--validation", "b.h5md", "--test", "c.h5md", "--output", "d.h5"]
    run = subprocess.run([*command, "--settings", '{"seed": 0}'], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (2, "[]"), run.stderr
    assert "seed: 0 is wrong" in run.stderr
    assert not output.exists()
