"""HDF5 files: atomic writes, also on a full disk, and checked reads."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from trajcast.core.errors import UserError, said
from trajcast.io.files import atomic_write, disk_full
from trajcast.io.path_checks import HDF5

CHUNK_BYTES = 2**20
HEAD_BYTES = 2**20  # beginning of a file, which contains its attributes
HEAP = b"GCOL\x01\x00\x00\x00"  # signature of a global heap, which stores strings


# From this version of its format on, HDF5 stores checksums of metadata; with the checksums of datasets, all damage to
# numbers is detected. HDF5 1.10 (2016) and later can read it.
VERSION = ("v110", "v110")


def open_hdf5(path: Path | str, what: str, remedy: str = "") -> h5py.File:
    """Open a file for reading.

    Args:
        what: Description of the expected file, for error messages.
        remedy: Appended to the message if the file is missing.

    Raises:
        UserError: If the file is missing, unreadable, damaged, or not an HDF5 file.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name {what} in it")
    try:
        with path.open("rb") as handle:
            if handle.read(len(HDF5)) != HDF5 and path.stat().st_size:
                raise UserError(f"{path}: not {what}: it is not an HDF5 file, or damaged; give one that TrajCast wrote")
        _check_string_heaps(path)
        return h5py.File(path, "r")
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such file{remedy}") from None
    except PermissionError:
        raise UserError(f"{path}: no permission to read it; ask its owner for access or a copy") from None
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path}: not {what} (truncated or damaged?): {said(error)}") from None


def _check_string_heaps(path: Path) -> None:
    """Check the global heaps, which store strings and have no checksum: a wrong length sends HDF5 into an endless loop.

    Layout: HDF5 File Format Specification, III.E.

    Raises:
        OSError: If a heap is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as handle:
        head = handle.read(HEAD_BYTES)
    place = head.find(HEAP)
    while place >= 0:
        (length,) = struct.unpack_from("<Q", head, place + 8) if len(head) >= place + 16 else (0,)
        end, item = place + length, place + 16
        if end > size or length < 16:
            raise OSError("a string heap extends beyond the end of the file")
        while item + 16 <= min(end, len(head)):
            index, _, _, length = struct.unpack_from("<HHIQ", head, item)
            if item + length > end:
                raise OSError("a string extends beyond the end of its heap")
            if index == 0:  # the rest is free space
                if item + length != end:
                    raise OSError("the free space of a string heap does not end with the heap")
                break
            item += 16 + -(-length // 8) * 8
        place = head.find(HEAP, place + 16)


class Series:
    """A dataset of an open file, read slice by slice.

    Indexing raises UserError with the name of the file if a slice cannot be read.
    """

    def __init__(self, path: Path, dataset: h5py.Dataset):
        self._path, self._dataset = path, dataset

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._dataset.shape)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: Any) -> Any:
        try:
            return self._dataset[index]
        except OSError as error:
            raise UserError(
                f"{self._path}: frames cannot be read (truncated or damaged?): {said(error)}; make or copy it again"
            ) from None


def write_checked(group: h5py.Group, name: str, values: Any) -> h5py.Dataset:
    """Write an array with checksums, which HDF5 supports for chunked datasets only."""
    values = np.asarray(values)
    if not values.size:
        return group.create_dataset(name, data=values)
    rows = max(1, CHUNK_BYTES // max(1, values[:1].nbytes))
    chunks = (min(len(values), rows), *values.shape[1:])
    return group.create_dataset(name, data=values, chunks=chunks, fletcher32=True)


@contextlib.contextmanager
def atomic_hdf5(path: Path | str) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that replaces `path` on success and is deleted on any error.

    Raises:
        OSError: If the file cannot be written.
    """
    with atomic_write(path) as aside, _DeferredErrorFile(aside, "w+") as raw:
        try:
            with h5py.File(raw, "w", libver=VERSION) as file:
                yield file
        finally:
            if raw.failure is not None:
                raise disk_full(raw.failure, path) from None


class _DeferredErrorFile(io.FileIO):
    """Stores the first write error and reports success to HDF5, whose library crashes if a write fails."""

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
