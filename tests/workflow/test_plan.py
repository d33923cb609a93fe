"""What the workflow reads from a configuration, and the command that writes a stage's settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT

from trajcast import cli
from trajcast.config import Training, read_settings
from trajcast.plan import Plan, other_replicas


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


def test_systems_are_rolled_out_by_their_number_of_replicas() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    liquid = values["systems"]["liquid"]
    values["systems"]["copies"] = liquid | {"forecast": liquid["forecast"] | {"replicas": 2}}
    assert Plan(values).replicas() == {1: ["liquid"], 2: ["copies"]}
    assert other_replicas(1) == []
    assert other_replicas(3) == ["forecast-2.h5md", "outcome-2.json", "forecast-3.h5md", "outcome-3.json"]


def test_report_needs_every_horizon(plan: Plan) -> None:
    files = plan.reported("liquid")
    assert plan.horizons("liquid") == ["1", "2", "5"]
    for horizon in plan.horizons("liquid"):
        assert f"results/liquid/observables/{horizon}fs/summary.json" in files
        assert plan.forecast("liquid", horizon) in files


def test_settings_command_writes_what_the_stage_reads(plan: Plan, tmp_path: Path) -> None:
    text = plan.settings("liquid", "training")
    output = tmp_path / "training.yaml"
    assert cli.main(["settings", "--section", "training", "--json", text, "--output", str(output)]) == 0
    assert read_settings(Training, output) == plan.system("liquid").training
    keys = list(yaml.safe_load(output.read_text(encoding="utf-8")))
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ('{"samples": 3, "seed": 0}', "seed: 0 is wrong"),
        ('{"samples": 3, "seed": 1, "sead": 2}', "sead: unknown key (value 2)"),
    ],
)
def test_settings_command_writes_nothing_wrong(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "training.yaml"
    assert cli.main(["settings", "--section", "training", "--json", text, "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not output.exists()


def test_settings_command_loads_no_heavy_library(plan: Plan, tmp_path: Path) -> None:
    script = (
        "import sys; from trajcast import cli; code = cli.main(sys.argv[1:]); "
        "print([name for name in ('torch', 'numpy', 'MDAnalysis') if name in sys.modules]); sys.exit(code)"
    )
    text, output = plan.settings("liquid", "forecast"), str(tmp_path / "forecast.yaml")
    run = subprocess.run(
        [sys.executable, "-c", script, "settings", "--section", "forecast", "--json", text, "--output", output],
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout.strip()) == (0, "[]"), run.stderr
