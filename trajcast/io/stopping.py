"""Stopping long work in time: on SIGTERM, or shortly before the time limit of a Slurm job.

Schedulers end jobs with SIGTERM, and seconds later with SIGKILL: at their time limit, on cancellation, and on
preemption. Work that checks for a reason to stop between its steps has time to save a checkpoint.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from trajcast.io.slurm_job import own_job_times

MARGIN_S = 120.0  # before the time limit, for the last step and for saving
MARGIN_SHARE = 0.1  # upper limit of the margin, as a fraction of the job's time


TimeIsUp = Callable[[], str | None]
"""Returns the reason to save and stop now; None to continue."""


class Stopped(Exception):
    """Unfinished work was saved; the same command resumes it. The message gives the reason and the progress."""


@contextmanager
def watched() -> Iterator[TimeIsUp]:
    """Yield a function that returns the reason to save and stop the work in the block, if any.

    Within the block the first SIGTERM only sets this reason; a second one has its previous effect.
    """
    received: list[str] = []
    stop_at, job = _stop_time()

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)
        signal.signal(number, before)

    def reason() -> str | None:
        if received:
            return f"{received[0]} received"
        return f"the time limit of Slurm job {job} is near" if time.time() > stop_at else None

    if threading.current_thread() is not threading.main_thread():  # other threads cannot handle signals
        yield reason
        return
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield reason
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop_time() -> tuple[float, str]:
    """Time to save and stop, in seconds since 1970 (infinity without a time limit), and the Slurm job."""
    times = own_job_times()
    if times is None:
        return float("inf"), ""
    return times.end - min(MARGIN_S, MARGIN_SHARE * (times.end - times.start)), times.job
