"""Progress of long work on stderr: a bar in a terminal, a plain line every ten seconds in a log file."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_EVERY_S = 10.0


@contextlib.contextmanager
def progress(label: str, total: float, *, done: int = 0, unit: str = "steps") -> Iterator[Callable[[float], None]]:
    """Yield `advance(n)`, to be called whenever `n` more of `total` are done; `done`: in earlier runs."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(20), _Counts(unit), TimeRemainingColumn(compact=True))
        with Progress(*columns, console=console) as bars:
            task = bars.add_task(label, total=total, completed=done)
            yield lambda n: bars.advance(task, n)
    else:
        lines = _Lines(label, total, done, unit)
        yield lines.advance
        lines.write()


class _Counts(ProgressColumn):
    def __init__(self, unit: str):
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text(_counts(task.completed, task.total or 0, task.speed, self.unit), overflow="ellipsis", no_wrap=True)


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
            line += f", {_duration((self.total - self.done) / speed)} left"
        print(line, file=sys.stderr, flush=True)


def _counts(done: float, total: float, speed: float | None, unit: str) -> str:
    text = f"{done:g} of {total:g} {unit}" if total >= 1e6 else f"{done:.0f} of {total:.0f} {unit}"
    return text if speed is None else f"{text}, {speed:.3g} {unit}/s"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
