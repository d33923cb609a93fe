"""A limit on the progress of a process, which its parent raises line by line on standard input."""

from __future__ import annotations

import os
import sys
import threading


class Limit:
    """The last number read from standard input. At its end, i.e. once the parent has exited, this process exits."""

    def __init__(self) -> None:
        self.value = -1
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, number: int) -> None:
        """Return once `number` is within the limit."""
        with self.changed:
            self.changed.wait_for(lambda: self.value >= number)

    def _read(self) -> None:
        for line in sys.stdin:
            with self.changed:
                self.value = int(line)
                self.changed.notify_all()
        os._exit(0)  # may interrupt a run; the next process repeats it from its last segment
