"""One process at a time for each output."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from trajcast.io.heartbeat import heartbeat


@contextlib.contextmanager
def exclusive_lock(path: Path | str) -> Iterator[None]:
    """Hold the lock that keeps a second process from writing `path`; the system frees it when the holder dies.

    Waits while another process holds it, and says so: a job may begin before the one that it replaces has ended.
    """
    from filelock import FileLock, Timeout

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{path} is being written by another process; waiting until it ends", file=sys.stderr, flush=True)
        lock.acquire(poll_interval=0.5)
    try:
        with heartbeat(path):  # in `trajcast status`
            yield
    finally:
        lock.release()
