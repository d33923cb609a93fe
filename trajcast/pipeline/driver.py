"""The beginning of a run of the workflow: one Snakemake at a time in a folder, no jobs of a killed one beside it."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.pipeline.slurm import cancel_jobs_left_behind

LOCK = ".snakemake/driver.lock"
log = logging.getLogger(__name__)


def take_over(folder: Path) -> None:
    """Hold the lock of `folder` until this process ends, in whatever way, and cancel Slurm jobs that are left there.

    Snakemake's own lock outlives a Snakemake that is killed. Raises UserError while another one runs in `folder`.
    """
    path = folder / LOCK
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)  # never closed: the system frees the lock at the end
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"another snakemake runs in {folder}; wait for it or stop it, or give all targets to one"
        ) from None
    except OSError as error:
        log.warning("%s: no locks on this file system (%s): see to it that only one snakemake runs", path, error)
    cancel_jobs_left_behind(folder)
