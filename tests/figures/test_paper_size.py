"""Larger cells than those of the training: which systems they are, and what is shown of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml
from report_folder import write_folder
from snakemake.utils import update_config

from trajcast.cli import main
from trajcast.figures.paper import drawable
from trajcast.figures.paper.larger import larger_sources, larger_systems
from trajcast.pipeline.plan import Plan

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plan() -> Plan:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(values, yaml.safe_load((ROOT / "config/figures.yaml").read_text(encoding="utf-8")))
    return Plan(values)


def test_larger_cells_are_the_systems_beside_the_first_of_each_kind(plan: Plan) -> None:
    assert larger_systems(plan) == ["quartz-4374", "water-1536"]
    run = "results/quartz-4374/runs/quartz-30fs"
    assert larger_sources(plan)["quartz-4374, quartz-30fs"] == [
        f"{run}/observables/summary.json",
        f"{run}/outcome.json",
    ]


def test_figures_of_the_shipped_models_need_no_training(plan: Plan) -> None:
    assert drawable(plan) == ["fig2", "fig3", "fig4", "figS3", "figSize", "tableS1", "tableS2", "tableSize"]


def test_table_has_every_row_of_the_verdict(tmp_path: Path) -> None:
    run = write_folder(tmp_path / "results") / "runs/1fs"
    files = [str(run / "observables/summary.json"), str(run / "outcome.json")]
    sources = json.dumps({"large, 1fs": files})
    for name in ("figSize", "tableSize"):
        assert main(["paper", name, "--sources", sources, "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / "figSize.png").stat().st_size > 0
    verdict = json.loads(Path(files[0]).read_text(encoding="utf-8"))["rows"]
    with open(tmp_path / "tableSize.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(verdict)
    for row, found in zip(rows, verdict, strict=True):
        shown = found["rollout"] if found["score"] is None else found["score"]
        assert row["rollout"] == ("" if shown is None else str(shown))
