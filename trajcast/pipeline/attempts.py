"""What the workflow's main process sees to beyond Snakemake's own rules.

A user's mistake is not tried again, and what a failed group of jobs has made stays.

Snakemake 9 has settings for neither. The first listens to its log and sets a job's number of attempts; the second
replaces methods of its jobs, and leaves them alone where a version lacks them.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MISTAKE = re.compile(r"^trajcast \w+: error: ")  # how `trajcast.cli` begins the last line of exit status 2


def is_mistake(logs: Iterable[str | Path], since: float) -> bool:
    """Whether a log that was written after `since` (s) ends with a user's mistake."""
    for log in map(Path, logs):
        try:
            if log.stat().st_mtime < since:
                continue
            lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            continue
        said = [line for line in lines if line.strip()]
        if said and MISTAKE.match(said[-1]):
            return True
    return False


class NoFurtherAttempts(logging.Handler):
    """Uses up the attempts of a job that ended with a user's mistake, before Snakemake looks whether there are any."""

    def __init__(self, workflow: Any, since: float):
        super().__init__()
        self.workflow, self.since = workflow, since

    def emit(self, record: logging.LogRecord) -> None:
        event = str(getattr(getattr(record, "event", None), "value", ""))
        if event not in ("job_error", "group_error"):
            return
        if event == "job_error":
            failed = {getattr(record, "jobid", None)}
        else:
            failed = {info["jobid"] for info in getattr(record, "job_error_info", [])}
        for job in list(self.workflow.scheduler.running):
            members = list(job) if job.is_group() else [job]
            if {member.jobid for member in members} == failed and any(is_mistake(m.log, self.since) for m in members):
                job.attempt = job.restart_times + 1


def keep_what_groups_made(workflow: Any, since: float) -> None:
    """Have a failed group keep the outputs of its jobs that succeeded, and the next attempt make the others alone.

    A job has succeeded if all its outputs were written after `since` (s) and the group's own Snakemake took its mark
    of unfinished work off them.
    """
    from snakemake.jobs import GroupJob, Job

    factory = workflow.spawned_job_args_factory
    if not all(hasattr(GroupJob, name) for name in ("postprocess", "get_target_spec")) or not hasattr(
        factory, "general_args"
    ):
        return
    made: set[Any] = set()
    of_job, of_group, usual = Job.postprocess, GroupJob.postprocess, factory.general_args

    async def is_made(job: Any) -> bool:
        files = [str(file) for file in job.output]
        new = all(os.path.exists(file) and os.path.getmtime(file) >= since for file in files)
        return new and not await workflow.persistence.incomplete(job)

    async def group_postprocess(group: Any, error: bool = False, **options: Any) -> None:
        if error:
            workflow.persistence.deactivate_cache()
            made.update([job for job in group.jobs if await is_made(job)])
        await of_group(group, error=error, **options)

    async def job_postprocess(job: Any, error: bool = False, **options: Any) -> None:
        if error and job in made:
            error, options["ignore_missing_output"] = False, True
        await of_job(job, error=error, **options)

    def get_target_spec(group: Any) -> list[Any]:
        return [target for job in group.jobs if job not in made for target in job.get_target_spec()]

    factory.general_args = lambda **options: f"{usual(**options)} --keep-going"  # of the jobs within a group
    Job.postprocess, GroupJob.postprocess, GroupJob.get_target_spec = (
        job_postprocess,
        group_postprocess,
        get_target_spec,
    )
