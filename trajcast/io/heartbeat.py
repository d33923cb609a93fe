"""What a process is making, where, and how far it is: a hidden file beside the output while it is being made.

`trajcast status` reads these files. After a process that was killed its file stays, without a new sign of life.
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
    """The hidden file of what makes `output`."""
    return output.with_name(f".{output.name}.running.json")


def update_heartbeat(**facts: Any) -> None:
    """Add to what is told of the output that this process makes; nothing where it tells nothing."""
    if (record := _record.get()) is not None:
        record.update(facts)


@contextmanager
def heartbeat(output: Path) -> Iterator[None]:
    """Tell of the making of `output`: node, process, Slurm's job, and all that is noted, every ten seconds anew.

    The file goes when all is done; after an `error`, or when the work was `stopped`, it stays and says why.
    """
    path = record_path(output)
    record: dict[str, Any] = {
        "node": platform.node(),
        "process": os.getpid(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "started": time.time(),
    }
    over = threading.Event()

    def sign() -> None:
        while not over.wait(SIGN_EVERY_S):
            _write(path, record)

    _write(path, record)
    thread = threading.Thread(target=sign, name="signs of life", daemon=True)
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
        over.set()
        thread.join()
        if ending:
            _write(path, record | ending)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _write(path: Path, record: dict[str, Any]) -> None:
    with suppress(OSError):  # what hinders the output, too, shows there
        write_json(path, {**record, "updated": time.time()})
