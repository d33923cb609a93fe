"""What is asked of Slurm: how long this job may run, and which jobs an earlier run of the workflow has left behind."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from trajcast.errors import UserError

JOB_NAMES = "trajcast_"  # how the names of the workflow's jobs begin: `slurm-jobname-prefix` of profiles/slurm
PATIENCE_S = 300.0  # until cancelled jobs have ended
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobTimes:
    """A running job, its start and the end that its time limit sets; seconds since 1970."""

    job: str
    start: float
    end: float


def own_job_times() -> JobTimes | None:
    """Those of the Slurm job that this process belongs to; None outside of Slurm and without a time limit."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or shutil.which("squeue") is None:
        return None
    answer = _ask("squeue", "--noheader", "--jobs", job, "--format", "%S %e", SLURM_TIME_FORMAT="%s")
    try:
        start, end = map(float, answer.split())
    except ValueError:  # no limit: the end is NONE
        return None
    return JobTimes(job, start, end)


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
    _ask("scancel", *jobs)
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
    lines = _ask("squeue", "--me", "--noheader", "--format", "%F|%j|%Z").splitlines()
    jobs = [line.split("|", 2) for line in lines]
    return sorted({job for job, name, where in jobs if name.startswith(JOB_NAMES) and Path(where) == folder})


def _ask(*command: str, **environment: str) -> str:
    """A Slurm command's answer; empty where it fails, as where there are commands but no Slurm."""
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.stdout
