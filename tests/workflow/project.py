"""A copy of the workflow in a folder of its own, run at the tiny size of profiles/test."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from trajcast.config.files import read_yaml
from trajcast.data.dataset import read_dataset
from trajcast.io.trajectory import Trajectory

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "config", "profiles", "workflow", "envs")
PAGE = "results/liquid/report.html"


def lay_out(folder: Path) -> Path:
    """Copy everything that belongs to the workflow into the new `folder`."""
    folder.mkdir()
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy2(source, folder / name)
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--profile", "profiles/test", *arguments]


def environment() -> dict[str, str]:
    """The environment with the commands of this Python's installation first on PATH."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in `folder`; output and errors together in `stdout`."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )


def planned(folder: Path, *arguments: str, targets: Sequence[str] = (PAGE,)) -> dict[str, int]:
    """How many jobs of each rule a dry run of the targets plans."""
    dry = snakemake(folder, "--dry-run", *arguments, "--", *targets)
    assert dry.returncode == 0, dry.stdout
    if "Nothing to be done" in dry.stdout:
        return {}
    table = dry.stdout.split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def ran(output: str) -> dict[str, int]:
    """How many jobs of each rule finished, from Snakemake's output."""
    return dict(Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", output)))


def settings_and_records(liquid: Path) -> dict[str, tuple[Any, Any]]:
    """What each settings file of the liquid holds, and what the results beside it record to have been made with."""
    records = {"reference/reference.yaml": _trajectory_settings(liquid / "reference/nve_1.h5md")}
    for dataset in liquid.glob("*fs/dataset.h5"):
        records[f"{dataset.parent.name}/dataset.yaml"] = read_dataset(dataset).provenance["settings"]
    for card in liquid.glob("*fs/model-n*/model.json"):
        records[f"{card.parent.relative_to(liquid)}/training.yaml"] = _json_settings(card)
    for run in liquid.glob("runs/*"):
        records[f"runs/{run.name}/rollout.yaml"] = _trajectory_settings(run / "rollout.h5md")
        records[f"runs/{run.name}/observables.yaml"] = _json_settings(run / "observables/summary.json")
    return {name: (read_yaml(liquid / name), record) for name, record in records.items()}


def _trajectory_settings(path: Path) -> Any:
    with Trajectory(path) as trajectory:
        return trajectory.provenance["settings"]


def _json_settings(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))["provenance"]["settings"]


def change(folder: Path, values: Mapping[str, Any]) -> None:
    """Set values of the liquid in config/test.yaml; keys are dotted, as in `rollout.seed`."""
    path = folder / "config/test.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        *parents, last = key.split(".")
        section = content["systems"]["liquid"]
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
