"""Heartbeat: a hidden file beside an unfinished output that states which process is writing it and its progress.

`trajcast status` reads these files. The file of a killed process remains, but is no longer updated.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from trajcast.io.files import write_json
from trajcast.io.stopping import Stopped

SIGN_EVERY_S = 10.0
_record: ContextVar[dict[str, Any] | None] = ContextVar("record", default=None)


def record_path(output: Path) -> Path:
    """Path of the heartbeat file of `output`."""
    return output.with_name(f".{output.name}.running.json")


def update_heartbeat(**facts: Any) -> None:
    """Add facts to the current heartbeat; no effect outside `heartbeat`."""
    if (record := _record.get()) is not None:
        record.update(facts)


@contextmanager
def heartbeat(output: Path) -> Iterator[None]:
    """Within the block, write node, process, Slurm job and the facts of `update_heartbeat` every ten seconds.

    The file is deleted on success; otherwise it remains and gives the reason as `error` or `stopped`.
    """
    path = record_path(output)
    record: dict[str, Any] = {
        "node": platform.node(),
        "process": os.getpid(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "started": time.time(),
    }
    finished = threading.Event()

    def beat() -> None:
        while not finished.wait(SIGN_EVERY_S):
            _write(path, record)

    _write(path, record)
    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    token = _record.set(record)
    ending: dict[str, str] = {}
    try:
        yield
    except BaseException as raised:
        kind = "stopped" if isinstance(raised, Stopped | KeyboardInterrupt) else "error"
        ending[kind] = " ".join(str(raised).split()) or type(raised).__name__
        raise
    finally:
        _record.reset(token)
        finished.set()
        thread.join()
        if ending:
            _write(path, record | ending)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _write(path: Path, record: dict[str, Any]) -> None:
    with suppress(OSError):  # if the output cannot be written either, its own error is reported
        write_json(path, {**record, "updated": time.time()})
