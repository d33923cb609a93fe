"""Leaving long work in time: when SIGTERM asks for it, or when a Slurm job's time is nearly up.

Schedulers end jobs with SIGTERM, and seconds later with SIGKILL: at their time limit, when they are cancelled, and when
others take their place. Work that looks here between its steps has saved itself by then.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from trajcast.io.slurm_job import own_job_times

MARGIN_S = 120.0  # before the end of the job's time, for the last step and for saving
MARGIN_SHARE = 0.1  # of the job's time, at most


TimeIsUp = Callable[[], str | None]
"""Why work should be saved and left now; None: go on."""


class Stopped(Exception):
    """Unfinished work was saved and left; the same command goes on with it. The message says why and where."""


@contextmanager
def watched() -> Iterator[TimeIsUp]:
    """Yield what tells when the work inside should be saved and left, and why.

    Until the end of the block SIGTERM does nothing else; a second one acts as it did before.
    """
    received: list[str] = []
    leave_at, job = _when_to_leave()

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)
        signal.signal(number, before)

    def reason() -> str | None:
        if received:
            return f"{received[0]} came"
        return f"the time of Slurm job {job} is nearly up" if time.time() > leave_at else None

    if threading.current_thread() is not threading.main_thread():  # others cannot handle signals
        yield reason
        return
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield reason
    finally:
        signal.signal(signal.SIGTERM, before)


def _when_to_leave() -> tuple[float, str]:
    """When to save and leave, in seconds of `time.time`, and the Slurm job; never where there is no time limit."""
    times = own_job_times()
    if times is None:
        return float("inf"), ""
    return times.end - min(MARGIN_S, MARGIN_SHARE * (times.end - times.start)), times.job
