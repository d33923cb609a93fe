"""Pairs that reference MD makes while the network trains: chunk after chunk, each used in a few epochs and removed.

Epoch e trains on chunks e to e + uses − 1, whenever they come: how fast they are made changes how long it waits, never
what it learns.
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

AHEAD = 2  # chunks that each process may be ahead
LOOK_EVERY_S = 0.1
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the chunks of a training come from: the command's settings as files."""

    stream: StreamSettings
    settings: Path  # section `training`
    reference_settings: Path
    starts: Path
    horizon_fs: float
    steps: int = 1  # horizons that a sample spans

    @property
    def identity(self) -> dict[str, Any]:
        """All that the pairs depend on."""
        return {"reference": file_hash(self.reference_settings), "starts": file_hash(self.starts)}

    def command(self, chain: int, needed: int, folder: Path) -> list[str]:
        """Makes the chunks of one chain, those from `needed` on."""
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
    """The pairs of one epoch after the other; rank zero has the chunks made, and removes them."""

    def __init__(self, source: Source, folder: Path, is_rank_zero: bool):
        self.source, self.folder, self.is_rank_zero = source, folder, is_rank_zero
        self.makers: list[subprocess.Popen[str]] = []
        self.logs: list[IO[str]] = []

    def pairs(self, epoch: int, time_is_up: TimeIsUp, wait: Callable[[], None]) -> Pairs:
        """Those of an epoch; returns when they are there. `wait` returns when all processes have read theirs."""
        stream = self.source.stream
        last = epoch + stream.uses - 1
        if self.is_rank_zero and not self.makers:
            self._start(epoch)
        self._allow(last + AHEAD * stream.processes)
        parts = [self._chunk(number, time_is_up) for number in range(epoch, last + 1)]
        wait()
        if self.is_rank_zero:  # the one that has just become useless, here and to the next one of its chain
            remove_chunk_files(self.folder, epoch - stream.processes - 1)
        return joined(parts)

    def _chunk(self, number: int, time_is_up: TimeIsUp) -> Pairs:
        path, waited = chunk_file(self.folder, number), False
        while not path.exists():
            if cause := time_is_up():
                raise Stopped(f"{cause}; chunk {number} of the reference was awaited, all before is saved")
            for chain, maker in enumerate(self.makers):
                if maker.poll() is not None:
                    raise UserError(
                        f"reference MD beside the training ended with status {maker.returncode}; "
                        f"{self._log(chain)} says why"
                    )
            if not waited:
                log.info("waiting for chunk %d of the reference", number)
            waited = True
            time.sleep(LOOK_EVERY_S)
        frames = read_frames(path, Reading())
        stride = max(1, round(self.source.stream.spacing_fs / self.source.horizon_fs))
        steps = self.source.steps
        return pairs_at(frames, np.arange(0, len(frames) - steps, stride), stride=1, source=number, steps=steps)

    def _allow(self, number: int) -> None:
        for maker in self.makers:
            assert maker.stdin is not None
            with suppress(BrokenPipeError):  # it has ended, which is noticed where its chunk is awaited
                print(number, file=maker.stdin, flush=True)

    def _log(self, chain: int) -> Path:
        return self.folder / f"chunks-{chain}.log"

    def _start(self, needed: int) -> None:
        """The processes that make the chunks."""
        for chain in range(self.source.stream.processes):
            log_file = self._log(chain).open("a", encoding="utf-8")
            self.logs.append(log_file)
            command = self.source.command(chain, needed, self.folder)
            self.makers.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log_file, stderr=log_file, text=True)
            )

    def stop(self) -> None:
        """End these processes."""
        for maker in self.makers:
            assert maker.stdin is not None
            maker.stdin.close()
            maker.wait()
        for log_file in self.logs:
            log_file.close()


@contextmanager
def streaming(source: Source, folder: Path, is_rank_zero: bool) -> Iterator[Streaming]:
    """Chunks are made in `folder` until the end of the block; they stay where it ends by an exception."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Streaming(source, folder, is_rank_zero)
    try:
        yield made
    finally:
        made.stop()
