"""Start of a workflow run: only one Snakemake per folder, and no Slurm jobs left from a killed one."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.pipeline.slurm import cancel_jobs_left_behind

LOCK = ".snakemake/driver.lock"
log = logging.getLogger(__name__)


def take_over(folder: Path) -> None:
    """Lock `folder` until this process ends in any way, and cancel Slurm jobs left from an earlier run.

    Snakemake's own lock is not used because it outlives a killed Snakemake.

    Raises:
        UserError: Another Snakemake is running in `folder`.
    """
    _lock(folder)  # never closed: released when the process ends
    cancel_jobs_left_behind(folder)


@contextmanager
def driver_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` for the time of a block.

    Raises:
        UserError: A Snakemake is running in `folder`.
    """
    descriptor = _lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int:
    path = folder / LOCK
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"another snakemake is running in {folder}; wait for it, stop it, or pass all targets to one"
        ) from None
    except OSError as error:
        log.warning("%s: this file system has no locks (%s): make sure that only one snakemake runs", path, error)
    return descriptor
