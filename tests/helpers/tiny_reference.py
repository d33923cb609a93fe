"""A reference small enough for tests: 27 waters, picoseconds."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import validate

VALUES: dict[str, Any] = {
    "system": "liquid",
    "engine": "lammps",
    "parameters": {"molecules": 27, "box_A": 9.32, "cutoff_A": 6.0, "ewald_accuracy": 1.0e-5},
    "temperature_K": 300.0,
    "timestep_fs": 0.5,
    "seed": 1,
    "equilibration": {"duration_ps": 4.0, "damping_fs": 200.0},
    "nve": {"runs": 5, "duration_ps": 2.0, "interval_fs": 0.5, "start_window_K": 30.0, "start_spacing_ps": 0.1},
    "nvt": {"duration_ps": 10.0, "interval_fs": 1.0, "tau_fs": 50.0},
}


def values(**changes: Any) -> dict[str, Any]:
    """The settings with changes such as `nvt={"tau_fs": 20.0}`; sections are merged, parameters of one system only."""
    result = copy.deepcopy(VALUES)
    if "system" in changes:
        result["parameters"] = {}
    update_config(result, changes)
    return result


def settings(**changes: Any) -> ReferenceSettings:
    return validate(ReferenceSettings, values(**changes), "test")


def settings_file(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "reference.yaml"
    path.write_text(yaml.safe_dump(values(**changes)), encoding="utf-8")
    return path


def command(settings_path: Path, output: Path, *arguments: str) -> list[str]:
    program = str(Path(sys.executable).with_name("trajcast"))
    return [program, "reference", "--settings", str(settings_path), "--output", str(output), *arguments]


def run(settings_path: Path, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command(settings_path, output, *arguments), capture_output=True, text=True, env=environment, check=False
    )
