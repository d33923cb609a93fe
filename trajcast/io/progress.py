"""Progress reports on stderr: a bar in a terminal (with rich), else a plain line every ten seconds."""

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
    """Report progress within the block.

    Args:
        total: Total number of units.
        done: Units completed in earlier runs.

    Yields:
        `advance(n)`, to be called after each `n` further units.
    """
    reached = float(done)
    update_heartbeat(label=label, total=total, unit=unit, done=reached, first=reached, since=time.time())
    with _display(label, total, done, unit) as show:

        def advance(n: float) -> None:
            nonlocal reached
            reached += n
            update_heartbeat(done=reached)
            show(n)

        yield advance


@contextlib.contextmanager
def _display(label: str, total: float, done: int, unit: str) -> Iterator[Callable[[float], None]]:
    if os.environ.get("RANK", "0") != "0":  # only rank zero reports
        yield lambda n: None
    elif sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
        from trajcast.io.progress_bar import bar

        with bar(label, total, done, unit, _counts) as advance:
            yield advance
    else:
        lines = _PlainLines(label, total, done, unit)
        yield lines.advance
        lines.write()


class _PlainLines:
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
        elapsed = self.written - self.start
        speed = (self.done - self.first) / elapsed if self.done > self.first and elapsed > 0 else None
        line = f"{self.label}: {_counts(self.done, self.total, speed, self.unit)}"
        if speed and self.done < self.total:
            line += f", {duration((self.total - self.done) / speed)} left"
        print(line, file=sys.stderr, flush=True)


def _counts(done: float, total: float, speed: float | None, unit: str) -> str:
    text = f"{done:g} of {total:g} {unit}" if total >= 1e6 else f"{done:.0f} of {total:.0f} {unit}"
    return text if speed is None else f"{text}, {speed:.3g} {unit}/s"


def duration(seconds: float) -> str:
    """Format seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
