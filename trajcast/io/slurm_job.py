"""The Slurm job of this process."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobTimes:
    """Start of a running job and end of its time limit, in seconds since 1970."""

    job: str
    start: float
    end: float


def own_job_times() -> JobTimes | None:
    """Times of the Slurm job of this process; None outside Slurm or without a time limit."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or shutil.which("squeue") is None:
        return None
    answer = ask("squeue", "--noheader", "--jobs", job, "--format", "%S %e", SLURM_TIME_FORMAT="%s")
    try:
        start, end = map(float, answer.split())
    except ValueError:  # without a limit the end is NONE
        return None
    return JobTimes(job, start, end)


def ask(*command: str, **environment: str) -> str:
    """Output of a Slurm command; empty if it fails, for example if Slurm is installed but not running."""
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.stdout
