"""The graph of thousands of jobs is built in seconds, in time that is linear in their number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from project import ROOT, environment, lay_out

TARGETS = ("results/paper/report.html", "all")


@dataclass(frozen=True)
class DryRun:
    jobs: int
    processor_s: float
    memory_GB: float


def dry_run(folder: Path, seeds: int) -> DryRun:
    """Of the paper's protocol with so many seeds a study, from an empty folder."""
    values = yaml.safe_load((ROOT / "config/paper.yaml").read_text(encoding="utf-8"))
    for system in values["systems"].values():
        for study in ("learning", "thermostat"):
            system["studies"][study]["seeds"] = list(range(1, seeds + 1))
    (folder / "overlay.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nocolor", "--configfile", "overlay.yaml"]
    with open(folder / "output", "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, "--", *TARGETS], cwd=folder, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    text = (folder / "output").read_text(encoding="utf-8")
    assert status == 0, text[-2000:]
    total = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    assert total is not None
    return DryRun(int(total[1]), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("scale") / "project")


def test_time_is_linear_in_the_number_of_jobs(folder: Path) -> None:
    paper, larger = dry_run(folder, seeds=3), dry_run(folder, seeds=12)
    assert paper.jobs > 900
    assert paper.processor_s < 10
    assert larger.jobs > 3 * paper.jobs
    assert larger.memory_GB < 1
    further_s = (larger.processor_s - paper.processor_s) / (larger.jobs - paper.jobs)
    assert further_s < 1.5 * paper.processor_s / paper.jobs  # of one more job; were it quadratic: four times
