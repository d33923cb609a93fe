"""Adoption of results of an earlier version: rename, upgrade, and record them as done in Snakemake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajcast.config.files import parse_yaml, read_yaml, yaml_text
from trajcast.config.upgrade import upgrade
from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.io.files import write_json, write_text
from trajcast.io.formats import errors_record, model_record, speed_record, summary_record
from trajcast.pipeline.jobs import PlannedJob, planned_jobs

FOLDERS = ("results", "logs")
FORMER_NAME = re.compile(r"forecast(?=$|[-.])")  # former name of files and folders, now `rollout`
RECORDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    layout.RECORD_FILE: model_record,
    layout.TEST_FILE: errors_record,
    layout.SUMMARY_FILE: summary_record,
}


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """Outcome of an adoption."""

    renamed: int
    upgraded: int
    kept: int  # jobs whose results are kept
    resumable: int  # unfinished trainings that resume from their checkpoints
    outdated: list[str]  # results that were set aside, each with the reason


def adopt(targets: Sequence[str], configfiles: Sequence[str]) -> Adopted:
    """Adopt the results in the working directory, so that the workflow does not produce them again.

    Files are renamed and upgraded in place; their numbers do not change. Outdated results, whose settings differ from
    the configuration or whose inputs are newer, are renamed to NAME.former.EXT and produced again by the next run. A
    second call has nothing to do.

    Raises:
        UserError: There are no results, or Snakemake cannot produce the targets.
    """
    from trajcast.training.former import adopt_checkpoint  # needs PyTorch, which the Snakefile does not

    if not Path(FOLDERS[0]).is_dir():
        raise UserError(f"{FOLDERS[0]}: no such folder; run this in the folder of the workflow")
    renamed = sum(_rename(Path(folder)) for folder in FOLDERS if Path(folder).is_dir())
    upgraded = _upgrade_files(Path(FOLDERS[0]))
    resumable = sum(adopt_checkpoint(path.parent) for path in _unfinished(Path(FOLDERS[0])))
    made = [job for job in planned_jobs(targets, configfiles, finished=True) if _is_made(job)]
    outdated = [(job, reason) for job in made if (reason := _reason(job))]
    for job, _ in outdated:
        _set_aside(job)
    kept = _independent_of([job for job, _ in outdated], made)
    if kept:
        _touch([output for job in kept for output in job.outputs], configfiles)
    return Adopted(
        renamed=renamed,
        upgraded=upgraded,
        kept=len(kept),
        resumable=resumable,
        outdated=[f"{job.outputs[0]}: {reason}" for job, reason in outdated],
    )


def _unfinished(folder: Path) -> list[Path]:
    """Training settings of models that are not finished."""
    settings = folder.glob(f"*/*fs/*/{layout.TRAINING_SETTINGS_FILE}")
    return [path for path in sorted(settings) if not path.with_name(layout.RECORD_FILE).exists()]


def former_results(folder: Path = Path()) -> str | None:
    """Instruction for results of 0.1.0 in `folder` that are not yet adopted; None if there are none."""
    for pattern in ("results/*/runs/*/forecast.yaml", "results/*/*fs/*/*/forecast*.yaml"):
        for path in folder.glob(pattern):
            return (
                f"{path} was made by TrajCast 0.1.0: `trajcast adopt` (with the same targets and --configfile) keeps "
                "its results; to produce all of them again, remove the folder results"
            )
    return None


def _rename(folder: Path) -> int:
    """Give files and folders their present names, starting with the deepest."""
    count = 0
    for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
        if FORMER_NAME.match(path.name) and path.parent.name != "runs":
            path.rename(path.with_name(FORMER_NAME.sub("rollout", path.name, count=1)))
            count += 1
    return count


def _upgrade_files(folder: Path) -> int:
    """Rewrite records and settings with the present keys."""
    count = 0
    for path in sorted(folder.rglob("*.json")):
        convert = speed_record if path.parent.name == "speed" else RECORDS.get(path.name)
        if convert is not None:
            count += _rewrite(path, json.loads(path.read_text(encoding="utf-8")), convert, write_json)
    for path in sorted(folder.rglob(layout.TRAINING_SETTINGS_FILE)):  # before the data sets' settings lose the cutoff
        count += _rewrite(path, read_yaml(path), _with_cutoff(path), _write_yaml)
    for path in sorted(folder.rglob("*.yaml")):
        count += _rewrite(path, read_yaml(path), _present_keys(path), _write_yaml)
    for ramp in sorted(folder.glob("*/cooling/ramp.yaml")):  # each MD run now has its own settings file
        for trajectory in sorted(ramp.parent.glob("md-s*.h5md")):
            with _keep_mtime(ramp):
                write_text(trajectory.with_suffix(".yaml"), ramp.read_text(encoding="utf-8"))
        ramp.unlink()
        count += 1
    return count


def _rewrite(path: Path, values: Any, convert: Callable[[Any], Any], write: Callable[[Path, Any], None]) -> int:
    upgraded = convert(values)
    if upgraded == values:
        return 0
    with _keep_mtime(path):
        write(path, upgraded)
    return 1


def _with_cutoff(path: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Conversion of training settings: adds the cutoff, formerly a setting of the data set."""
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
def _keep_mtime(path: Path) -> Iterator[None]:
    """Keep the modification time, which Snakemake compares with that of the input."""
    stat = path.stat()
    yield
    if path.exists():
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _is_made(job: PlannedJob) -> bool:
    return all(Path(output).exists() for output in job.outputs)


def _reason(job: PlannedJob) -> str:
    """Why the results of a job are outdated; empty if they are not."""
    options = job.options
    for name in ("settings", "observables"):
        if (path := options.get(f"write-{name}")) and parse_yaml(options[name], path) != read_yaml(path):
            return f"the configuration requests settings other than those of {path}"
    times = [_time(path) for path in job.outputs if not path.endswith(".yaml") and not Path(path).is_dir()]
    newer = [path for path in job.inputs if times and Path(path).is_file() and _time(path) > min(times)]
    return f"older than {newer[0]}, from which it is made" if newer else ""


def _time(path: str) -> int:
    return Path(path).stat().st_mtime_ns


def _set_aside(job: PlannedJob) -> None:
    for path in map(Path, job.outputs):
        path.rename(path.with_name(f"{path.stem}.former{path.suffix}"))


def _independent_of(outdated: Sequence[PlannedJob], jobs: Sequence[PlannedJob]) -> list[PlannedJob]:
    """Jobs that do not depend on outdated ones, directly or indirectly."""
    kept, lost = [job for job in jobs if job not in outdated], {path for job in outdated for path in job.outputs}
    while dependent := [job for job in kept if lost & set(job.inputs)]:
        lost |= {path for job in dependent for path in job.outputs}
        kept = [job for job in kept if job not in dependent]
    return kept


def _touch(outputs: Sequence[str], configfiles: Sequence[str]) -> None:
    """Let Snakemake record these files as done with the present code, parameters and environments."""
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
