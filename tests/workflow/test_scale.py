"""The graph of thousands of jobs is built in seconds, in time that is linear in their number."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from project import ROOT, environment, lay_out

pytestmark = pytest.mark.slow

TARGETS = ("results/paper/report.html", "all")

MEASURE = """\
import resource, subprocess, sys

returncode = subprocess.run(sys.argv[1:]).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, flush=True)
sys.exit(returncode)
"""
"""A small process between, as a program's peak memory counts what the process that started it had, too."""


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
    whole = [sys.executable, "-c", MEASURE, *command, "--", *TARGETS]
    process = subprocess.run(whole, cwd=folder, env=environment(), capture_output=True, text=True)
    assert process.returncode == 0, (process.stdout + process.stderr)[-2000:]
    total = re.search(r"^total +(\d+)$", process.stdout + process.stderr, re.MULTILINE)
    assert total is not None
    processor_s, memory_kB = map(float, process.stdout.splitlines()[-1].split())
    return DryRun(int(total[1]), processor_s, memory_kB / 1e6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("scale") / "project")


def test_time_is_linear_in_the_number_of_jobs(folder: Path) -> None:
    paper, larger = dry_run(folder, seeds=3), dry_run(folder, seeds=12)
    assert paper.jobs > 550
    assert paper.processor_s < 10
    assert larger.jobs > 3 * paper.jobs
    assert larger.memory_GB < 1
    further_s = (larger.processor_s - paper.processor_s) / (larger.jobs - paper.jobs)
    assert further_s < 1.5 * paper.processor_s / paper.jobs  # of one more job; were it quadratic: four times
