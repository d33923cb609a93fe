"""Mistakes in config.yaml end in one clear line, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from project import ROOT, lay_out, snakemake
from snakemake.utils import update_config

from trajcast.pipeline.plan import Plan

# What is replaced in config.yaml, by what ("#" turns the right value into a comment), and what the message says.
MISTAKES = {
    "unknown key": ("vdos_window_ps: ", "vdos_windw_ps: ", ["observables.vdos_windw_ps", "unknown key"]),
    "unknown key of the data set": ("time_reversed: ", "time_revrsed: ", ["dataset", "time_revrsed", "unknown key"]),
    "key twice": ("blocks: ", "blocks: 4\n      blocks: ", ["the key blocks appears twice"]),
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
    """And every rollout in it has all its files."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(values, yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8")))
    plan = Plan(values)
    for system in plan.systems:
        assert plan.runs(system)
        assert all(file.startswith(f"results/{system}/") for file in plan.reported(system))


def test_the_file_at_fault_is_named(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project")
    (folder / "mine.yaml").write_text("systems: {liquid: {training: {sead: 1}}}\n", encoding="utf-8")
    run = snakemake(folder, "--dry-run", "--configfile", "config/test.yaml", "mine.yaml")
    assert run.returncode != 0
    assert "mine.yaml: systems.liquid.training.sead: unknown key" in run.stdout
    assert "Traceback" not in run.stdout


def test_values_on_the_command_line(tmp_path: Path) -> None:
    """They are what they are in a file, and checked as those are; jobs get them, too."""
    folder = lay_out(tmp_path / "project")
    run = snakemake(folder, "--dry-run", "--config", "systems={crystal: null}", "machine={cuda: true}")
    assert run.returncode == 0, run.stdout
    gone = snakemake(folder, "--dry-run", "--config", "systems={crystal: null}", "--", "results/crystal/report.html")
    assert "No rule to produce results/crystal/report.html" in gone.stdout
    for wrong, message in (
        ("machine={cuda: yes}", "--config: machine.cuda: 'yes' is wrong"),
        ("machine=/opt/lammps", "--config: machine: '/opt/lammps' is wrong"),
        ("machine={lammps: $HOME}", "do not reach the jobs unchanged"),
        ("machin={cuda: true}", "--config: machin: unknown key"),
    ):
        run = snakemake(folder, "--dry-run", "--config", wrong)
        assert run.returncode != 0
        assert message in run.stdout, run.stdout
        assert "Traceback" not in run.stdout


def test_a_system_called_no(tmp_path: Path) -> None:
    """And a page of a system whose name YAML 1.1 takes for false."""
    folder = lay_out(tmp_path / "project")
    config = folder / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("\n  liquid:", "\n  NO:"), encoding="utf-8")
    (folder / "config/test.yaml").write_text("systems: {}\n", encoding="utf-8")
    run = snakemake(folder, "--dry-run", "--", "results/NO/report.html")
    assert run.returncode == 0, run.stdout


def test_unknown_system_has_no_rule(tmp_path: Path) -> None:
    run = snakemake(lay_out(tmp_path / "project"), "--dry-run", "--", "results/cristal/report.html")
    assert run.returncode != 0
    assert "No rule to produce results/cristal/report.html" in run.stdout
    assert "Traceback" not in run.stdout
