"""How far a process may go, as the one that started it says, line by line, on its standard input."""

from __future__ import annotations

import os
import sys
import threading


class Limit:
    """The last number read. At the end of the input, when the other process has ended in any way, this one ends."""

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
        os._exit(0)  # in the midst of a run, which the next process repeats from its last segment
