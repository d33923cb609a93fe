"""Writes frames in a separate thread while the rollout continues, one commit at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from trajcast.rollout.reporters import Reporter


class Writer:
    """Commits to several reporters; a context manager that exits once everything is written.

    An error in the thread is raised by the next call.
    """

    def __init__(self, reporters: Sequence[Reporter]):
        self.reporters = reporters
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._last: Future[None] | None = None

    def commit(self, restarts: Sequence[Mapping[str, Any]]) -> None:
        """Write the frames added so far with each reporter's restart data, once the previous commit has finished."""
        self.wait()
        writes = [reporter.segment(restart) for reporter, restart in zip(self.reporters, restarts, strict=True)]

        def write_all() -> None:
            for write in writes:
                write()

        self._last = self._thread.submit(write_all)

    def check(self) -> None:
        """Raise the error if the last commit has failed."""
        if self._last is not None and self._last.done():
            self._last.result()

    def wait(self) -> None:
        """Wait until the last commit has finished."""
        if self._last is not None:
            self._last.result()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if error is None:
            self.wait()
