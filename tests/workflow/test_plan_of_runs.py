"""Where the files of rollouts lie, what they are made from, and by what they are judged."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import PAGE, ROOT, change, lay_out, snakemake
from project import planned as jobs_of

from trajcast import shipped
from trajcast.config.validation import section_values
from trajcast.core.errors import UserError
from trajcast.observables import references
from trajcast.pipeline.plan import Plan, other_replicas

FILE = {"model": "learnt/water.safetensors", "horizon_fs": 5.0}
NVT, NVT_2 = "results/liquid/reference/nvt.h5md", "results/liquid/reference/nvt_2.h5md"


def planned(runs: dict[str, Any], **changes: Any) -> Plan:
    """The liquid of config.yaml without studies, with these rollouts."""
    liquid = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["systems"]["liquid"]
    return Plan({"systems": {"liquid": liquid | {"runs": runs, "studies": {}} | changes}})


def jobs(folder: Path, target: str) -> dict[str, int]:
    return jobs_of(folder, targets=[target])


def test_each_model_has_a_folder_at_its_horizon() -> None:
    plan = planned(
        {
            "a": {"model": "water-5fs"},
            "b": FILE,
            "c": FILE | {"horizon_fs": 10.0},
            "d": {"horizon_fs": 10.0},
        }
    )
    assert [plan.run_model_folder("liquid", run) for run in plan.runs("liquid")] == [
        "results/liquid/5fs/model-water-5fs",
        "results/liquid/5fs/model-water",
        "results/liquid/10fs/model-water",
        "results/liquid/10fs/model-n8000-s1",
    ]
    assert plan.rollout_horizons("liquid") == ["5", "10"]
    assert plan.horizons("liquid") == ["1", "2", "5", "10"]


def test_two_rollouts_of_one_model_share_its_folder_only() -> None:
    hot = {"rollout": {"temperature_K": 350.0}}
    plan = planned({"plain": FILE, "hot": FILE | hot})
    assert {plan.run_model_folder("liquid", run) for run in plan.runs("liquid")} == {"results/liquid/5fs/model-water"}
    files = plan.reported("liquid")
    assert len(files) == len(set(files)) == 2 + 2 * 3
    assert {file for file in files if "/runs/" not in file} == {
        "results/liquid/5fs/model-water/model.json",
        "results/liquid/5fs/model-water/test.json",
    }
    plain, own = (json.loads(plan.rollout_settings("liquid", run)) for run in ("plain", "hot"))
    assert own == plain | {"temperature_K": 350.0}


def test_the_first_rollout_at_a_horizon_stands_for_it_in_studies() -> None:
    plan = planned({"mine": FILE, "shipped": {"model": "water-5fs"}})
    assert (plan.main_run("liquid", "5"), plan.main_run("liquid", "1")) == ("mine", None)
    assert plan.main_model_folder("liquid", "5") == "results/liquid/5fs/model-water"
    assert plan.main_model_folder("liquid", "1") == "results/liquid/1fs/model-n8000-s1"


def test_finished_models_are_found_by_their_folders() -> None:
    plan = planned({"a": {"model": "water-5fs"}, "b": FILE})
    weights = shipped.resolve("water-5fs")
    assert plan.finished_model("liquid", "5", "model-water-5fs") == {
        "model": str(weights),
        "card": str(weights.with_name("model.json")),
    }
    card = "learnt/water.json"
    assert plan.finished_model("liquid", "5", "model-water") == {"model": "learnt/water.safetensors", "card": card}
    for horizon, name in (("10", "model-water"), ("5", "model-fire"), ("5", "model-n8000-s1")):
        with pytest.raises(UserError, match=rf"systems.liquid.runs: none has the model '{name}' at {horizon} fs; add"):
            plan.finished_model("liquid", horizon, name)


def test_systems_and_runs_belong_together_by_their_number_of_replicas() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    liquid = values["systems"]["liquid"] | {"runs": {"one.1": FILE, "two": FILE | {"rollout": {"replicas": 2}}}}
    ice = liquid | {"runs": {"two": FILE, "one.1": FILE | {"rollout": {"replicas": 2}}}}
    replicas = Plan({"systems": {"liquid": liquid, "ice": ice}}).replicas()
    assert set(replicas) == {1, 2}
    for count, pairs in ((1, ["liquid/runs/one.1/", "ice/runs/two/"]), (2, ["liquid/runs/two/", "ice/runs/one.1/"])):
        for path in (f"{system}/runs/{run}/" for system in ("liquid", "ice") for run in ("one.1", "two", "one_1")):
            assert bool(re.match(replicas[count], path)) == (path in pairs), (count, path)


def test_further_replicas_have_files_of_their_own() -> None:
    assert other_replicas(1) == []
    assert other_replicas(3) == ["rollout-2.h5md", "outcome-2.json", "rollout-3.h5md", "outcome-3.json"]


def test_the_nvt_run_made_here_is_the_reference_where_none_is_shipped() -> None:
    plan = planned({"a": FILE}, shipped_reference=False)
    assert plan.judged_by("liquid", "a") == {"md": NVT}
    assert plan.nvt("liquid") == [NVT]


def test_a_second_nvt_run_is_judged_where_it_is_asked_for() -> None:
    plan = planned({"a": FILE}, shipped_reference=False)
    reference = section_values(plan.system("liquid").reference)
    reference["nvt"]["second_run_ps"] = 20.0
    plan = planned({"a": FILE}, shipped_reference=False, reference=reference)
    assert plan.judged_by("liquid", "a") == {"md": NVT, "second": NVT_2}
    assert plan.nvt("liquid") == [NVT, NVT_2]


def test_a_shipped_reference_makes_the_own_run_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def matching(reference: Any, observables: Any, spacing_fs: float) -> Path | None:
        asked.append((reference, observables, spacing_fs))
        return Path("shipped/water") if spacing_fs == 10.0 else None

    monkeypatch.setattr(references, "matching", matching)
    runs = {"a": FILE, "b": FILE | {"rollout": {"frame_every": 2}}}
    plan = planned(runs)
    system = plan.system("liquid")
    assert plan.judged_by("liquid", "a") == {"md": NVT}
    assert plan.judged_by("liquid", "b") == {"md": "shipped/water/reference.json", "second": NVT}
    assert asked == [(system.reference, system.observables, spacing_fs) for spacing_fs in (5.0, 10.0)]
    plan = planned(runs, shipped_reference=False)
    assert plan.judged_by("liquid", "b") == {"md": NVT}
    assert len(asked) == 2


def test_the_second_run_is_made_and_handed_on(tmp_path: Path) -> None:
    """To its health check, to every rollout's observables and to the report."""
    folder = lay_out(tmp_path / "project")
    assert "nvt_2" not in jobs(folder, PAGE)
    change(folder, {"reference.nvt.second_run_ps": 1.0})
    dry = snakemake(folder, "--dry-run", "--printshellcmds", "--quiet", "host", "--", PAGE)
    lines = dry.stdout.splitlines()
    assert [line for line in lines if "trajcast reference " in line and "--part nvt_2 " in line]
    observed = [line for line in lines if "trajcast observe " in line]
    assert len(observed) == 2
    assert all(f"--md {NVT} --second {NVT_2} --rollout" in line for line in observed)
    assert jobs(folder, "results/liquid/reference/health.json") == {
        "equilibration": 1,
        "nve": 5,
        "nvt": 1,
        "nvt_2": 1,
        "health": 1,
    }
