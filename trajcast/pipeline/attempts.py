"""Retries of failed jobs: user errors are not retried, and a failed group keeps the outputs of its successful jobs.

Snakemake 9 has no settings for this. The first is a handler of Snakemake's log that sets the number of attempts of a
job; the second replaces methods of Snakemake's jobs, unless its version lacks them.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MISTAKE = re.compile(r"^trajcast \w+: error: ")  # the last line that `trajcast.cli` prints with exit status 2


def is_mistake(logs: Iterable[str | Path], since: float) -> bool:
    """Whether a log written after `since` (s) ends with a user error."""
    for log in map(Path, logs):
        try:
            if log.stat().st_mtime < since:
                continue
            lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            continue
        nonempty = [line for line in lines if line.strip()]
        if nonempty and MISTAKE.match(nonempty[-1]):
            return True
    return False


class NoFurtherAttempts(logging.Handler):
    """Uses up the attempts of a job that failed with a user error, before Snakemake decides whether to retry."""

    def __init__(self, workflow: Any, since: float):
        super().__init__()
        self.workflow, self.since = workflow, since

    def emit(self, record: logging.LogRecord) -> None:
        """Handle the errors of jobs and groups; ignore all other records."""
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
    """Make a failed group keep the outputs of its successful jobs, and the next attempt run only the others.

    A job was successful if all its outputs were written after `since` (s) and the Snakemake of the group no longer
    marks them as incomplete.
    """
    from snakemake.jobs import GroupJob, Job

    factory = workflow.spawned_job_args_factory
    if not all(hasattr(GroupJob, name) for name in ("postprocess", "get_target_spec")) or not hasattr(
        factory, "general_args"
    ):
        return
    done: set[Any] = set()
    of_job, of_group, general_args = Job.postprocess, GroupJob.postprocess, factory.general_args

    async def is_done(job: Any) -> bool:
        files = [str(file) for file in job.output]
        new = all(os.path.exists(file) and os.path.getmtime(file) >= since for file in files)
        return new and not await workflow.persistence.incomplete(job)

    async def group_postprocess(group: Any, error: bool = False, **options: Any) -> None:
        if error:
            workflow.persistence.deactivate_cache()
            done.update([job for job in group.jobs if await is_done(job)])
        await of_group(group, error=error, **options)

    async def job_postprocess(job: Any, error: bool = False, **options: Any) -> None:
        if error and job in done:
            error, options["ignore_missing_output"] = False, True
        await of_job(job, error=error, **options)

    def get_target_spec(group: Any) -> list[Any]:
        return [target for job in group.jobs if job not in done for target in job.get_target_spec()]

    factory.general_args = lambda **options: f"{general_args(**options)} --keep-going"  # for the Snakemake of a group
    Job.postprocess, GroupJob.postprocess, GroupJob.get_target_spec = (
        job_postprocess,
        group_postprocess,
        get_target_spec,
    )
