"""The cooling study in the workflow: from finished reference MD and models to its figure and the page of figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml
from project import ROOT, change, lay_out, ran, snakemake

from trajcast.config.validation import section_json
from trajcast.core.errors import UserError
from trajcast.pipeline.cooling import cooled_md, cooled_rollouts, ramp, rollout_settings, start_frame
from trajcast.pipeline.estimate.prices import Prices
from trajcast.pipeline.plan import Plan

pytestmark = pytest.mark.slow

STUDY = {
    "final_temperature_K": 200.0,
    "duration_ps": 0.3,
    "interval_fs": 10.0,
    "windows": 2,
    "seeds": [1, 2],
    "horizons_fs": [2.0],
}
FIGURE = "results/liquid/cooling/cooling.png"


def plan_with(**changes: object) -> Plan:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    values["systems"]["liquid"]["studies"] = {"cooling": STUDY | {"duration_ps": 12.0, "windows": 3} | changes}
    return Plan(values)


def test_files_and_settings() -> None:
    plan = plan_with(seeds=[2, 1], horizons_fs=None)
    assert cooled_md(plan, "liquid") == [f"results/liquid/cooling/md-s{seed}.h5md" for seed in (1, 2)]
    assert len(cooled_rollouts(plan, "liquid")) == 2 * len(plan.rollout_horizons("liquid"))
    settings = rollout_settings(plan, "liquid", "2", "7")
    assert (settings.temperature_K, settings.final_temperature_K) == (300.0, 200.0)
    assert (settings.frame_every, settings.seed, settings.duration_ps) == (5, 7, 12.0)
    assert json.loads(section_json(ramp(plan, "liquid"))) == {
        "final_temperature_K": 200.0,
        "duration_ps": 12.0,
        "interval_fs": 10.0,
    }


def test_starts_lie_far_apart_whichever_seeds_there_are() -> None:
    few, more = plan_with(), plan_with(seeds=[1, 2, 3, 4, 5])
    nvt = few.system("liquid").reference.nvt
    frames = int(nvt.duration_ps * 1000 / nvt.interval_fs)
    found = [start_frame(more, "liquid", str(seed)) for seed in range(1, 6)]
    assert found[:2] == [start_frame(few, "liquid", str(seed)) for seed in (1, 2)]
    assert all(0 <= frame < frames for frame in found)
    gaps = [b - a for a, b in zip(sorted(found), sorted(found)[1:], strict=False)]
    assert min(gaps) > frames / 12


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"windows": 7}, "the window duration_ps / windows, in fs, 1714.29 is not a multiple of interval_fs 10"),
        ({"windows": 6}, "a window of studies.cooling is 2000 fs long, but observables.msd_fit_to_ps in fs is 3000"),
        ({"interval_fs": 12.5, "duration_ps": 15.0}, "interval_fs 12.5 is not a multiple of its horizon 2"),
        ({"seeds": [1]}, "seeds: [1] is wrong"),
        ({"seeds": [1, 1]}, "contains 1 twice"),
        ({"horizons_fs": [3.0]}, "studies.cooling.horizons_fs has 3"),
        ({"final_temperature_K": -5.0}, "final_temperature_K: -5.0 is wrong"),
    ],
)
def test_mistakes_are_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        plan_with(**changes)
    assert said in str(caught.value)


def test_what_is_not_asked_for_has_no_files() -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    values["systems"]["liquid"]["studies"] = {}
    with pytest.raises(UserError, match=r"systems.liquid.studies.cooling: missing; add it to request its results"):
        cooled_md(Plan(values), "liquid")


def test_its_cost_is_estimated() -> None:
    """MD in proportion to the ramp, rollouts also to their equilibration."""
    short, long = (Prices(plan_with(duration_ps=duration)) for duration in (12.0, 24.0))
    wildcards = {"system": "liquid", "horizon": "2", "model": "model-n1-s1", "seed": "1"}
    for rule in ("cooling_md", "cooling_rollout", "cooling"):
        a, b = short.of(rule, wildcards), long.of(rule, wildcards)
        assert a is not None
        assert b is not None
        assert 1.5 * a.cpu_s < b.cpu_s < 2.01 * a.cpu_s or rule == "cooling"
        assert b.disk == pytest.approx(2 * a.disk)
    assert short.of("cooling_md", wildcards).gpu_s is None  # type: ignore[union-attr]


@pytest.mark.workflow
def test_from_the_reference_to_the_figure_and_the_page(results: Path) -> None:
    change(results, {f"studies.cooling.{key}": value for key, value in STUDY.items()})
    page = "results/paper/figCooling.csv"
    run = snakemake(results, "--", FIGURE, page)
    assert run.returncode == 0, run.stdout
    done = ran(run.stdout)
    assert {rule: done[rule] for rule in ("cooling_md", "cooling_rollout", "cooling", "paper_figure")} == {
        "cooling_md": 2,
        "cooling_rollout": 2,
        "cooling": 1,
        "paper_figure": 1,
    }
    assert not {"nvt", "train"} & set(done)
    folder = results / "results/liquid/cooling"
    with open(folder / "windows.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["method"] for row in rows} == {"reference MD", "rollout, Δt = 2 fs"}
    assert {(row["from / K"], row["to / K"]) for row in rows} == {("300", "250"), ("250", "200")}
    assert {"T of O", "T of H", "q of O"} <= {row["quantity"] for row in rows if row["method"] == "reference MD"}
    assert (results / page).read_bytes() == (folder / "cooling.csv").read_bytes()

    change(results, {"studies.cooling.windows": 1})
    again = snakemake(results, "--", FIGURE)
    assert again.returncode == 0, again.stdout
    assert ran(again.stdout) == {"cooling": 1}

    change(results, {"studies.cooling.seeds": [1, 2, 3]})
    dry = snakemake(results, "--dry-run", "--quiet", "host", "--", FIGURE)
    for rule, count in (("cooling_md", 1), ("cooling_rollout", 1), ("cooling", 1)):
        assert f"\n{rule} " in dry.stdout
        line = next(line for line in dry.stdout.splitlines() if line.startswith(f"{rule} "))
        assert line.split()[1] == str(count)


def test_unasked_for_it_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project")
    run = snakemake(folder, "--dry-run", "--", "results/crystal/cooling/cooling.png")
    assert run.returncode != 0
    assert "studies.cooling: missing; add it to request its results" in run.stdout
