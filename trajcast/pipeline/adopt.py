"""Results of an earlier version, taken over as they are: renamed, upgraded, and recorded as done by Snakemake."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from trajcast.config.files import parse_yaml, read_yaml, yaml_text
from trajcast.config.upgrade import upgrade
from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.io.files import write_json, write_text
from trajcast.io.formats import model_record, speed_record, summary_record, errors_record
from trajcast.pipeline.jobs import PlannedJob, planned_jobs

FOLDERS = ("results", "logs")
FORMER_NAME = re.compile(r"forecast(?=$|[-.])")  # of files and folders, now `rollout`
RECORDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    layout.RECORD_FILE: model_record,
    layout.TEST_FILE: errors_record,
    layout.SUMMARY_FILE: summary_record,
}
SETTINGS = ("reference", "dataset", "training", "rollout", "observables", "timestep", "cooling", "ramp")


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """What became of the results."""

    renamed: int
    upgraded: int
    kept: int  # jobs whose results stay
    changed: list[str]  # settings that the configuration no longer asks for


def adopt(targets: Sequence[str], configfiles: Sequence[str]) -> Adopted:
    """Take over the results in the working directory, so that the workflow does not make them again.

    Results whose settings differ from those of the configuration are left to be made anew. Files are renamed and
    upgraded in place; their numbers stay as they are. A second call finds nothing to do.

    Raises:
        UserError: There are no results, or Snakemake finds no way to the targets.
    """
    if not Path(FOLDERS[0]).is_dir():
        raise UserError(f"{FOLDERS[0]}: no such folder; go to the folder in which the workflow was run")
    renamed = sum(_rename(Path(folder)) for folder in FOLDERS if Path(folder).is_dir())
    upgraded = _upgrade_files(Path(FOLDERS[0]))
    jobs = [job for job in planned_jobs(targets, configfiles, finished=True) if _is_made(job)]
    changed = [path for job in jobs for path in _differing(job)]
    if jobs:
        _touch([output for job in jobs for output in job.outputs], configfiles)
    for path in changed:  # without it the job has to be run again
        path.rename(path.with_name(f"{path.stem}.former{path.suffix}"))
    return Adopted(renamed=renamed, upgraded=upgraded, kept=len(jobs), changed=[str(path) for path in changed])


def former_results(folder: Path = Path()) -> str | None:
    """What to do about results of 0.1.0 in `folder` that were not taken over yet; None without such."""
    for pattern in ("results/*/runs/*/forecast.yaml", "results/*/*fs/*/*/forecast*.yaml"):
        for path in folder.glob(pattern):
            return (
                f"{path} was made by TrajCast 0.1.0: `trajcast adopt` takes its results over as they are (with the same "
                "targets and --configfile); to have all of them made anew, remove the folder results"
            )
    return None


def _rename(folder: Path) -> int:
    """Give files and folders their present names, the deepest first."""
    count = 0
    for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
        if FORMER_NAME.match(path.name) and path.parent.name != "runs":
            path.rename(path.with_name(FORMER_NAME.sub("rollout", path.name, count=1)))
            count += 1
    return count


def _upgrade_files(folder: Path) -> int:
    """Rewrite records and settings with their present keys."""
    count = 0
    for path in sorted(folder.rglob("*.json")):
        convert = speed_record if path.parent.name == "speed" else RECORDS.get(path.name)
        if convert is not None:
            count += _rewrite(path, json.loads(path.read_text(encoding="utf-8")), convert, write_json)
    for path in sorted(folder.rglob(layout.TRAINING_SETTINGS_FILE)):  # before those of the data sets
        count += _rewrite(path, read_yaml(path), _with_cutoff(path), _write_yaml)
    for path in sorted(path for name in SETTINGS for path in folder.rglob(f"{name}*.yaml")):
        count += _rewrite(path, read_yaml(path), _present_keys(path), _write_yaml)
    for ramp in sorted(folder.glob("*/cooling/ramp.yaml")):  # each run of MD has its settings beside it now
        for trajectory in sorted(ramp.parent.glob("md-s*.h5md")):
            with _same_time(ramp):
                write_text(trajectory.with_suffix(".yaml"), ramp.read_text(encoding="utf-8"))
        ramp.unlink()
        count += 1
    return count


def _rewrite(path: Path, values: Any, convert: Callable[[Any], Any], write: Callable[[Path, Any], None]) -> int:
    present = convert(values)
    if present == values:
        return 0
    with _same_time(path):
        write(path, present)
    return 1


def _with_cutoff(path: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Training settings with the cutoff of the data set beside them, which had it before."""
    dataset = path.parent.parent / Path(layout.DATASET_SETTINGS).name

    def convert(values: dict[str, Any]) -> dict[str, Any]:
        network = dict(values.get("network") or {})
        if "cutoff_A" not in network and dataset.exists():
            network["cutoff_A"] = read_yaml(dataset).get("cutoff_A")
        return {**values, "network": network} if network.get("cutoff_A") is not None else values

    return convert


def _present_keys(path: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def convert(values: dict[str, Any]) -> dict[str, Any]:
        copied: dict[str, Any] = json.loads(json.dumps(values))
        upgrade(copied, str(path))
        return copied

    return convert


def _write_yaml(path: Path, values: Any) -> None:
    write_text(path, yaml_text(values))


@contextmanager
def _same_time(path: Path) -> Iterator[None]:
    """Keep the time of writing, by which Snakemake tells what is older than its input."""
    stat = path.stat()
    yield
    if path.exists():
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _is_made(job: PlannedJob) -> bool:
    return all(Path(output).exists() for output in job.outputs)


def _differing(job: PlannedJob) -> list[Path]:
    """The settings files of a job that are not what the configuration asks for now."""
    words = shlex.split(job.command or "", posix=True)
    options = {word[2:]: value for word, value in pairwise(words) if word.startswith("--")}
    pairs = [
        (options[name], options[f"write-{name}"]) for name in ("settings", "observables") if f"write-{name}" in options
    ]
    return [Path(path) for text, path in pairs if parse_yaml(text, path) != read_yaml(path)]


def _touch(outputs: Sequence[str], configfiles: Sequence[str]) -> None:
    """Have Snakemake record these files as done with the present code, parameters and environments."""
    overlays = ["--configfile", *configfiles] if configfiles else []
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--touch",
        "--nolock",
        "--rerun-incomplete",
        "--cores",
        "1",
        "--keep-going",
    ]
    run = subprocess.run(
        [*command, *overlays, "--", *outputs], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if run.returncode:
        raise UserError(f"Snakemake could not record the results as done: {run.stdout.strip().splitlines()[-1]}")
