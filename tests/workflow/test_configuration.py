"""Mistakes in config.yaml end in one clear line, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from project import ROOT, lay_out, snakemake
from snakemake.utils import update_config

from trajcast.plan import Plan

# What is replaced in config.yaml, by what ("#" turns the right value into a comment), and what the message says.
MISTAKES = {
    "unknown key": ("vdos_window_ps: ", "vdos_windw_ps: ", ["observables.vdos_windw_ps", "unknown key"]),
    "unknown key of the data set": ("cutoff_A: ", "cutof_A: ", ["dataset", "cutof_A", "unknown key"]),
    "exponent without point": ("learning_rate: ", "learning_rate: 1e-3 #", ["learning_rate", "'1e-3'", "1.0e-3"]),
    "wrong type": ("blocks: ", "blocks: four #", ["observables.blocks", "'four'", "integer"]),
    "out of range": ("cooldown: ", "cooldown: 1.5 #", ["training.cooldown", "1.5", "less than or equal to 1"]),
    "horizon": ("\n    horizons_fs: ", "\n    horizons_fs: [1.0, 2.5] #", ["2.5", "not a multiple", "interval_fs 1"]),
    "missing key": (
        "    training:\n      network",
        "    trainig:\n      network",
        ["training: missing", "trainig: unknown key"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_in_one_line(mistake: str, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project")
    config = folder / "config.yaml"
    right, wrong, said = MISTAKES[mistake]
    text = config.read_text(encoding="utf-8")
    assert right in text
    before, after = text.rsplit(right, 1)
    config.write_text(before + wrong + after, encoding="utf-8")
    (folder / "config/test.yaml").write_text("systems: {}\n", encoding="utf-8")
    run = snakemake(folder, "--dry-run")
    assert run.returncode != 0
    message = [line for line in run.stdout.splitlines() if line.startswith("config.yaml: ")]
    assert len(message) == 1, run.stdout
    assert all(words in message[0] for words in said), message[0]
    assert "Traceback" not in run.stdout
    assert not (folder / "results").exists()


OVERLAYS = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_is_laid_over_config_yaml_fits_it(name: str) -> None:
    """And every roll-out in it has all its files."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(values, yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8")))
    plan = Plan(values)
    for system in plan.systems:
        assert plan.runs(system)
        assert all(file.startswith(f"results/{system}/") for file in plan.reported(system))


def test_unknown_system_has_no_rule(tmp_path: Path) -> None:
    run = snakemake(lay_out(tmp_path / "project"), "--dry-run", "--", "results/cristal/report.html")
    assert run.returncode != 0
    assert "No rule to produce results/cristal/report.html" in run.stdout
    assert "Traceback" not in run.stdout
