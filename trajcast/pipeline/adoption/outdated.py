"""Results that are not those of the configuration, or not those of their inputs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from trajcast.config.files import parse_yaml, read_yaml
from trajcast.pipeline.jobs import PlannedJob

FOLDER = "results"


def is_made(job: PlannedJob) -> bool:
    """Whether all outputs of a job exist."""
    return all(Path(output).exists() for output in job.outputs)


def outdated(jobs: Sequence[PlannedJob]) -> list[tuple[PlannedJob, str]]:
    """The jobs whose results, or part of them, exist but are outdated, each with the reason; dependents included."""
    reasons = {index: reason for index, job in enumerate(jobs) if (reason := _reason(job))}
    while True:
        lost = {path for index in reasons for path in jobs[index].outputs}
        more = {
            index: f"made from {path}, which is outdated"
            for index, job in enumerate(jobs)
            if index not in reasons and _results(job) and (path := next(iter(lost & set(job.inputs)), None))
        }
        if not more:
            return [(jobs[index], reason) for index, reason in sorted(reasons.items())]
        reasons |= more


def set_aside(job: PlannedJob) -> None:
    """Rename what exists of a job's outputs to NAME.former.EXT; settings last, so that a kill leaves the job unmade."""
    for path in sorted(filter(Path.exists, map(Path, job.outputs)), key=lambda path: path.suffix == ".yaml"):
        names = (
            f"{path.stem}.former{number or ''}{path.suffix}" for number in itertools.chain([""], itertools.count(2))
        )
        path.rename(next(free for name in names if not (free := path.with_name(name)).exists()))


def _results(job: PlannedJob) -> list[str]:
    """The outputs that exist, without settings, which 0.1.0 wrote before the job began."""
    return [path for path in job.outputs if not path.endswith(".yaml") and Path(path).exists()]


def _reason(job: PlannedJob) -> str:
    """Why the results of a job are outdated; empty if they are not, or if there are none."""
    results = _results(job)
    if not results:
        return ""
    if not is_made(job):  # interrupted: Snakemake runs it again
        return ""
    options = job.options
    for name in ("settings", "observables"):
        if (path := options.get(f"write-{name}")) and parse_yaml(options[name], path) != read_yaml(path):
            return f"the configuration requests settings other than those of {path}"
    times = [_time(path) for path in results if not Path(path).is_dir()]
    inputs = [path for path in job.inputs if Path(path).parts[:1] == (FOLDER,) and Path(path).is_file()]
    newer = [path for path in inputs if times and _time(path) > min(times)]
    return f"older than {newer[0]}, from which it is made" if newer else ""


def _time(path: str) -> int:
    return Path(path).stat().st_mtime_ns
