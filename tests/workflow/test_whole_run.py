"""From LAMMPS to the page, through an interruption."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Finished
from project import PAGE, lay_out, ran, settings_and_records, snakemake

pytestmark = [pytest.mark.slow, pytest.mark.workflow]


def test_killed_run_goes_on_and_completes(finished: Finished) -> None:
    assert finished.continued.returncode == 0, finished.continued.stdout
    assert (finished.folder / PAGE).is_file()


def test_finished_stages_are_not_run_again_after_a_kill(finished: Finished) -> None:
    reference = {path: written for path, written in finished.before.items() if path.suffix == ".h5md"}
    assert len(reference) >= 6
    assert {path: path.stat().st_mtime_ns for path in reference} == reference
    assert ran(finished.continued.stdout)["train"] == 2
    assert not {"equilibration", "nve", "nvt", "health"} & set(ran(finished.continued.stdout))


def test_progress_of_a_stage_is_on_the_terminal_and_in_its_log(finished: Finished) -> None:
    log = (finished.folder / "logs/liquid/runs/2fs/rollout.log").read_text(encoding="utf-8")
    line = next(line for line in log.splitlines() if "steps" in line)
    assert line in finished.continued.stdout


def test_every_model_and_rollout_has_its_results(finished: Finished) -> None:
    results = finished.folder / "results/liquid"
    for horizon in (1, 2):
        for path in (f"{horizon}fs/model-n40-s1/test.json", f"runs/{horizon}fs/outcome.json"):
            assert json.loads((results / path).read_text(encoding="utf-8"))["horizon_fs"] == horizon
        assert {"rdf", "msd", "vdos", "temperature", "energy"} <= {
            row["observable"] for row in _rows(finished, horizon)
        }


def test_settings_beside_results_are_those_that_the_stages_ran_with(finished: Finished) -> None:
    found = settings_and_records(finished.folder / "results/liquid")
    assert len(found) == 1 + 2 * 4
    for name, (written, recorded) in found.items():
        assert written == recorded, name


def test_page_shows_every_quantity_and_asks_for_nothing_outside(finished: Finished) -> None:
    seen = _Page()
    seen.feed((finished.folder / PAGE).read_text(encoding="utf-8"))
    assert all(address.startswith("data:") for address in seen.loaded)
    assert seen.figures == sum(address.startswith("data:image/") for address in seen.loaded) >= 6
    missing = [row["quantity"] for h in (1, 2) for row in _rows(finished, h) if row["quantity"] not in seen.text]
    assert not missing


def test_failing_stage_ends_in_its_message_and_a_failure(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project")
    config = folder / "config/test.yaml"
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    values["systems"]["liquid"]["reference"].setdefault("nve", {})["start_window_K"] = 1e-6
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    run = snakemake(folder, "--", "results/liquid/reference/starts.h5")
    assert run.returncode != 0
    log = (folder / "logs/liquid/reference/equilibration.log").read_text(encoding="utf-8")
    assert "starts within 1e-06 K" in log
    assert log.strip() in run.stdout
    assert "Traceback" not in run.stdout


def _rows(finished: Finished, horizon: int) -> list[dict[str, Any]]:
    path = finished.folder / f"results/liquid/runs/{horizon}fs/observables/summary.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


class _Page(HTMLParser):
    """Counts figures; collects the text and every address that a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.figures = 0
        self.loaded: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.figures += tag == "figure"
        values = dict(attrs)
        if tag in ("img", "script", "link", "iframe", "source", "image", "use"):
            self.loaded += [v for k in ("src", "href", "xlink:href") if (v := values.get(k)) is not None]

    def handle_data(self, data: str) -> None:
        self.text += data
