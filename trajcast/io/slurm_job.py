"""What Slurm says of the job that this process belongs to."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass


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
    answer = ask("squeue", "--noheader", "--jobs", job, "--format", "%S %e", SLURM_TIME_FORMAT="%s")
    try:
        start, end = map(float, answer.split())
    except ValueError:  # no limit: the end is NONE
        return None
    return JobTimes(job, start, end)


def ask(*command: str, **environment: str) -> str:
    """A Slurm command's answer; empty where it fails, as where there are commands but no Slurm."""
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.stdout
