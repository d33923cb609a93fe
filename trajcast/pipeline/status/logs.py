"""Logs of jobs, selected by rule and wildcards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.pipeline.jobs import PlannedJob, planned_jobs

TARGETS = ("all", layout.PAPER_REPORT)  # together they need every rule of the workflow
SLURM_LOGS = Path("logs/slurm")  # `slurm-logdir` of profiles/slurm


def find_logs(rule: str, wildcards: Sequence[str], configfiles: Sequence[str]) -> list[Path]:
    """Logs of the jobs of `rule` with these wildcards (KEY=VALUE), the newest last.

    Raises:
        UserError: There is no such rule, no such job, or no log yet.
    """
    jobs = matching(planned_jobs(TARGETS, configfiles, finished=True), rule, wildcards)
    logs = {path for job in jobs for path in logs_of(job) if path.is_file()}
    if not logs:
        raise UserError(
            f"none of these {len(jobs)} job(s) has begun: there is no {min(job.log or 'log' for job in jobs)}"
        )
    return sorted(logs, key=lambda path: path.stat().st_mtime)


def matching(jobs: Sequence[PlannedJob], rule: str, wildcards: Sequence[str]) -> list[PlannedJob]:
    """Jobs of `rule` with these wildcards (KEY=VALUE).

    Raises:
        UserError: There are none.
    """
    of_rule = [job for job in jobs if job.rule == rule]
    if not of_rule:
        raise UserError(
            f"no jobs of rule {rule} in this configuration; choose one of: {_names(job.rule for job in jobs)}"
        )
    selected = of_rule
    for text in wildcards:
        key, equals, value = text.partition("=")
        if not equals or key not in of_rule[0].wildcards:
            raise UserError(f"{text}: write KEY=VALUE with a wildcard of {rule}: {_names(of_rule[0].wildcards)}")
        values = _names(job.wildcards[key] for job in selected)
        selected = [job for job in selected if job.wildcards[key] == value]
        if not selected:
            raise UserError(f"no job of {rule} has {text}; {key} may be: {values}")
    return selected


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines of a file."""
    lines = _text(path).splitlines()
    return lines[-count:] if count > 0 else []


def logs_of(job: PlannedJob) -> list[Path]:
    """Path of a job's log, and the existing Slurm logs of the job or its group."""
    if job.log is None:
        return []
    alone = SLURM_LOGS / f"rule_{job.rule}" / "_".join(job.wildcards.values())
    named = re.compile(rf"^ *log: {re.escape(job.log)}$", re.MULTILINE)
    groups = (path for path in SLURM_LOGS.glob("group_*/**/*.log") if named.search(_text(path)))
    return [Path(job.log), *alone.glob("*.log"), *groups]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _names(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))
