"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it becomes `path`, on any error it goes.

    Raises OSError that names `path` and the remedy when the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield aside
        with open(aside, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(aside, path)
    except OSError as error:
        if error.errno in DISK_FULL and error.filename is None:  # write(2) does not say which file it was
            raise disk_full(error, path) from None
        raise
    finally:
        aside.unlink(missing_ok=True)


def disk_full(error: OSError, path: Path | str) -> OSError:
    """The failure to write `path`, with its name and the remedy."""
    return OSError(error.errno, f"{error.strerror}; make room, then run the same command again", str(path))


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def numbered(path: Path, number: int) -> Path:
    """One of several files of a kind, counted from 1: `rollout.h5md`, `rollout-2.h5md`, …"""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def fingerprint(*values: Any) -> str:
    """Sixteen hexadecimal digits that change with any of the JSON-like `values`, not with the order of keys."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
