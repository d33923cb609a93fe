"""HDF5 files that appear whole or not at all, also when the disk is full."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import h5py

from trajcast.files import no_room, written_aside


@contextlib.contextmanager
def hdf5_written_aside(path: Path | str) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that becomes `path` on success and goes on any error; OSError when it cannot be written."""
    with written_aside(path) as aside, _PatientFile(aside, "w+") as raw:
        try:
            with h5py.File(raw, "w") as file:
                yield file
        finally:
            if raw.failure is not None:
                raise no_room(raw.failure, path) from None


class _PatientFile(io.FileIO):
    """Keeps the first failure to write and lets HDF5 go on: its library crashes when a write fails."""

    failure: OSError | None = None

    def write(self, data: object) -> int:
        rest = memoryview(data)  # type: ignore[arg-type]
        size = rest.nbytes
        while rest and self.failure is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0
