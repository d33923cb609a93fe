"""Slurm jobs left by an earlier run of the workflow."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.io.slurm_job import ask

JOB_NAMES = "trajcast_"  # prefix of job names, `slurm-jobname-prefix` in profiles/slurm
PATIENCE_S = 300.0  # maximum wait for cancelled jobs to end
log = logging.getLogger(__name__)


def cancel_jobs_left_behind(folder: Path) -> None:
    """Cancel this workflow's jobs that were submitted from `folder`, and wait until they have ended.

    Called at the start of a run: jobs left by a killed Snakemake would write the same files as the new ones. Long
    stages save their work when cancelled, and the new jobs resume it.

    Raises:
        UserError: A job does not end.
    """
    if shutil.which("squeue") is None or not (jobs := _jobs_of(folder)):
        return
    log.warning(
        "cancelling %d Slurm job(s) of an earlier run that was killed; their work is saved: %s",
        len(jobs),
        " ".join(jobs),
    )
    ask("scancel", *jobs)
    deadline = time.monotonic() + PATIENCE_S
    while left := _jobs_of(folder):
        if time.monotonic() > deadline:
            raise UserError(
                f"Slurm jobs {' '.join(left)} of an earlier run do not end and would write the same files as the new "
                "ones; find the cause with scontrol show job, then start again"
            )
        time.sleep(1.0)


def _jobs_of(folder: Path) -> list[str]:
    """Ids of the workflow's queued, running or ending jobs whose working directory is `folder`."""
    lines = ask("squeue", "--me", "--noheader", "--format", "%F|%j|%Z").splitlines()
    jobs = [line.split("|", 2) for line in lines]
    return sorted({job for job, name, where in jobs if name.startswith(JOB_NAMES) and Path(where) == folder})
