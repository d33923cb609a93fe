"""Progress of long work on stderr: a bar in a terminal (with rich), else a plain line every ten seconds."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator

from trajcast.io.heartbeat import update_heartbeat

LINE_EVERY_S = 10.0


@contextlib.contextmanager
def progress(label: str, total: float, *, done: int = 0, unit: str = "steps") -> Iterator[Callable[[float], None]]:
    """Yield `advance(n)`, to be called whenever `n` more of `total` are done; `done`: in earlier runs."""
    reached = float(done)
    update_heartbeat(label=label, total=total, unit=unit, done=reached, first=reached, since=time.time())
    with _shown(label, total, done, unit) as show:

        def advance(n: float) -> None:
            nonlocal reached
            reached += n
            update_heartbeat(done=reached)
            show(n)

        yield advance


@contextlib.contextmanager
def _shown(label: str, total: float, done: int, unit: str) -> Iterator[Callable[[float], None]]:
    if os.environ.get("RANK", "0") != "0":  # of several processes the first shows what all do
        yield lambda n: None
    elif sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
        from trajcast.io.progress_bar import bar

        with bar(label, total, done, unit, _counts) as advance:
            yield advance
    else:
        lines = _Lines(label, total, done, unit)
        yield lines.advance
        lines.write()


class _Lines:
    def __init__(self, label: str, total: float, done: int, unit: str):
        self.label, self.total, self.unit = label, total, unit
        self.first, self.done = done, float(done)
        self.start = self.written = time.monotonic()
        self.write()

    def advance(self, n: float) -> None:
        self.done += n
        if time.monotonic() - self.written >= LINE_EVERY_S:
            self.write()

    def write(self) -> None:
        self.written = time.monotonic()
        passed = self.written - self.start
        speed = (self.done - self.first) / passed if self.done > self.first and passed > 0 else None
        line = f"{self.label}: {_counts(self.done, self.total, speed, self.unit)}"
        if speed and self.done < self.total:
            line += f", {duration((self.total - self.done) / speed)} left"
        print(line, file=sys.stderr, flush=True)


def _counts(done: float, total: float, speed: float | None, unit: str) -> str:
    text = f"{done:g} of {total:g} {unit}" if total >= 1e6 else f"{done:.0f} of {total:.0f} {unit}"
    return text if speed is None else f"{text}, {speed:.3g} {unit}/s"


def duration(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
