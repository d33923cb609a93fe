"""Exclusive locks on outputs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from trajcast.io.heartbeat import heartbeat


@contextlib.contextmanager
def exclusive_lock(path: Path | str) -> Iterator[None]:
    """Hold an exclusive lock on writing `path`; the operating system releases it if the process dies.

    Waits, with a message, while another process holds it: a job may start before the one that it replaces has ended.
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
        with heartbeat(path):
            yield
    finally:
        lock.release()
