"""Slurm jobs that an earlier run of the workflow has left behind."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.io.slurm_job import ask

JOB_NAMES = "trajcast_"  # how the names of the workflow's jobs begin: `slurm-jobname-prefix` of profiles/slurm
PATIENCE_S = 300.0  # until cancelled jobs have ended
log = logging.getLogger(__name__)


def cancel_jobs_left_behind(folder: Path) -> None:
    """Cancel this workflow's jobs that were submitted from `folder`, and wait until they have ended.

    For the beginning of a run: jobs of an earlier one whose Snakemake was killed would write the same files as the
    new ones. Long stages save themselves when cancelled, so that the new jobs go on with their work. Raises UserError
    when a job does not end.
    """
    if shutil.which("squeue") is None or not (jobs := _jobs_of(folder)):
        return
    log.warning(
        "%d Slurm job(s) of an earlier run that was killed are cancelled; their work is saved: %s",
        len(jobs),
        " ".join(jobs),
    )
    ask("scancel", *jobs)
    given_up = time.monotonic() + PATIENCE_S
    while left := _jobs_of(folder):
        if time.monotonic() > given_up:
            raise UserError(
                f"Slurm jobs {' '.join(left)} of an earlier run do not end; they would write the same files as new "
                "ones: see why with scontrol show job, then start again"
            )
        time.sleep(1.0)


def _jobs_of(folder: Path) -> list[str]:
    """Ids of the workflow's jobs in the queue, waiting, running or ending, whose working directory is `folder`."""
    lines = ask("squeue", "--me", "--noheader", "--format", "%F|%j|%Z").splitlines()
    jobs = [line.split("|", 2) for line in lines]
    return sorted({job for job, name, where in jobs if name.startswith(JOB_NAMES) and Path(where) == folder})
