"""Training pairs from reference MD that runs alongside training: chunks, each used for a few epochs and then removed.

Epoch e trains on the chunks e to e + `uses` − 1. The speed of the MD affects how long an epoch waits, never the result.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from trajcast.config.settings import StreamSettings
from trajcast.core.errors import UserError
from trajcast.data.dataset import Pairs, joined
from trajcast.data.pairs import pairs_at
from trajcast.data.sources import Reading, read_frames
from trajcast.io.files import file_hash
from trajcast.io.stopping import Stopped, TimeIsUp
from trajcast.reference.chunks import chunk_file, remove_chunk_files

AHEAD = 2  # chunks that each MD process may make in advance
POLL_EVERY_S = 0.1
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Input of the `trajcast chunks` processes that make the chunks."""

    stream: StreamSettings
    settings: Path | str  # section `training`: a YAML file, or the section as JSON
    reference_settings: Path
    starts: Path
    horizon_fs: float
    steps: int = 1  # horizons per sample

    @property
    def identity(self) -> dict[str, Any]:
        """Hashes of the files that determine the pairs."""
        return {"reference": file_hash(self.reference_settings), "starts": file_hash(self.starts)}

    def command(self, chain: int, needed: int, folder: Path) -> list[str]:
        """Command that makes the chunks of one chain from number `needed` on."""
        arguments = {
            "settings": self.settings,
            "reference-settings": self.reference_settings,
            "starts": self.starts,
            "interval-fs": self.horizon_fs,
            "chain": chain,
            "needed": needed,
            "output": folder,
        }
        return [sys.executable, "-m", "trajcast", "chunks", *(f"--{name}={value}" for name, value in arguments.items())]


class Streaming:
    """The pairs of consecutive epochs; rank zero starts the MD processes and removes used chunks."""

    def __init__(self, source: Source, folder: Path, is_rank_zero: bool):
        self.source, self.folder, self.is_rank_zero = source, folder, is_rank_zero
        self.makers: list[subprocess.Popen[str]] = []
        self.logs: list[IO[str]] = []

    def pairs(self, epoch: int, time_is_up: TimeIsUp, wait: Callable[[], None]) -> Pairs:
        """The pairs of an epoch, as soon as all its chunks exist.

        Args:
            epoch: Number of the epoch, from 0.
            time_is_up: Tells why to stop waiting.
            wait: Barrier that all processes pass once they have read their pairs.

        Raises:
            Stopped: If `time_is_up` while waiting for a chunk.
            UserError: If an MD process has ended.
        """
        stream = self.source.stream
        last = epoch + stream.uses - 1
        if self.is_rank_zero and not self.makers:
            self._start(epoch)
        self._allow_up_to(last + AHEAD * stream.processes)
        parts = [self._chunk(number, time_is_up) for number in range(epoch, last + 1)]
        wait()
        if self.is_rank_zero:  # no longer needed, neither here nor as the start of the next chunk in its chain
            remove_chunk_files(self.folder, epoch - stream.processes - 1)
        return joined(parts)

    def _chunk(self, number: int, time_is_up: TimeIsUp) -> Pairs:
        path, waited = chunk_file(self.folder, number), False
        while not path.exists():
            if cause := time_is_up():
                raise Stopped(f"{cause} while waiting for reference chunk {number}, all earlier progress is saved")
            for chain, maker in enumerate(self.makers):
                if maker.poll() is not None:
                    raise UserError(
                        f"reference MD for the training exited with status {maker.returncode}; see {self._log(chain)}"
                    )
            if not waited:
                log.info("waiting for reference chunk %d", number)
            waited = True
            time.sleep(POLL_EVERY_S)
        frames = read_frames(path, Reading())
        stride = max(1, round(self.source.stream.spacing_fs / self.source.horizon_fs))
        steps = self.source.steps
        return pairs_at(frames, np.arange(0, len(frames) - steps, stride), stride=1, source=number, steps=steps)

    def _allow_up_to(self, number: int) -> None:
        """Let the MD processes make the chunks up to `number`."""
        for maker in self.makers:
            assert maker.stdin is not None
            with suppress(BrokenPipeError):  # the process has ended: `_chunk` reports it
                print(number, file=maker.stdin, flush=True)

    def _log(self, chain: int) -> Path:
        return self.folder / f"chunks-{chain}.log"

    def _start(self, needed: int) -> None:
        """Start the MD processes."""
        for chain in range(self.source.stream.processes):
            log_file = self._log(chain).open("a", encoding="utf-8")
            self.logs.append(log_file)
            command = self.source.command(chain, needed, self.folder)
            self.makers.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log_file, stderr=log_file, text=True)
            )

    def stop(self) -> None:
        """End the MD processes."""
        for maker in self.makers:
            assert maker.stdin is not None
            maker.stdin.close()
            maker.wait()
        for log_file in self.logs:
            log_file.close()


@contextmanager
def streaming(source: Source, folder: Path, is_rank_zero: bool) -> Iterator[Streaming]:
    """Make chunks in `folder` until the end of the block; chunks that are still there then stay."""
    folder.mkdir(parents=True, exist_ok=True)
    stream = Streaming(source, folder, is_rank_zero)
    try:
        yield stream
    finally:
        stream.stop()
