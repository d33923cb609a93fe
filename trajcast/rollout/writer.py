"""Frames written beside the stepping: in a thread of its own, one commit whole before the next begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from trajcast.rollout.reporters import Reporter


class Writer:
    """Commits to several reporters; use as a context manager, which ends when all is written.

    An error of the thread is raised by the next call.
    """

    def __init__(self, reporters: Sequence[Reporter]):
        self.reporters = reporters
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._last: Future[None] | None = None

    def commit(self, restarts: Sequence[Mapping[str, Any]]) -> None:
        """Have the frames added so far written with each reporter's restart data; waits for the commit before."""
        self.wait()
        writes = [reporter.segment(restart) for reporter, restart in zip(self.reporters, restarts, strict=True)]

        def write_all() -> None:
            for write in writes:
                write()

        self._last = self._thread.submit(write_all)

    def check(self) -> None:
        """Raise the error of a commit that failed."""
        if self._last is not None and self._last.done():
            self._last.result()

    def wait(self) -> None:
        """Wait until the last commit is whole."""
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
