"""Atomic writes, file names and hashes."""

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
    """Yield a temporary path in the same folder; rename it to `path` on success, delete it on any error.

    Raises:
        OSError: If the disk is full; the message names `path` and the remedy.
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
        if error.errno in DISK_FULL and error.filename is None:  # write(2) does not name the file
            raise disk_full(error, path) from None
        raise
    finally:
        aside.unlink(missing_ok=True)


def disk_full(error: OSError, path: Path | str) -> OSError:
    """Add the name `path` and the remedy to an error of a full disk."""
    return OSError(error.errno, f"{error.strerror}; make room, then run the same command again", str(path))


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` atomically."""
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` to `path` as indented JSON, atomically.

    Raises:
        ValueError: If `value` contains NaN or infinity.
    """
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def numbered(path: Path, number: int) -> Path:
    """Name of the n-th file of a series, counted from 1: `rollout.h5md`, `rollout-2.h5md`, …"""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def fingerprint(*values: Any) -> str:
    """Hash JSON-like `values` to sixteen hexadecimal digits, independently of the order of keys."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
