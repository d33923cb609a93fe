"""Progress bar in a terminal, with rich."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Counts = Callable[[float, float, float | None, str], str]


@contextlib.contextmanager
def bar(label: str, total: float, done: int, unit: str, counts: Counts) -> Iterator[Callable[[float], None]]:
    """Show a bar and yield `advance(n)`; `counts(done, total, speed, unit)` returns the text beside the bar."""
    left = TimeRemainingColumn(compact=True)
    columns = (TextColumn("{task.description}"), BarColumn(20), _Counts(counts, unit), left)
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(label, total=total, completed=done)
        yield lambda n: bars.advance(task, n)


class _Counts(ProgressColumn):
    def __init__(self, counts: Counts, unit: str):
        super().__init__()
        self.counts, self.unit = counts, unit

    def render(self, task: Task) -> Text:
        text = self.counts(task.completed, task.total or 0, task.speed, self.unit)
        return Text(text, overflow="ellipsis", no_wrap=True)
