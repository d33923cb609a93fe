"""Checks of all paths on the command line, made before a command starts."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from trajcast.core.errors import UserError

HDF5 = b"\x89HDF\r\n\x1a\n"  # signature of HDF5 files
BEGINNINGS = {".h5": HDF5, ".h5md": HDF5, ".json": b"{"}
"""First bytes of files that commands write; existing files that begin otherwise are not overwritten."""


class OutputFile(type(Path())):  # type: ignore[misc]
    """A file that a command writes; used as the `type` of its argument."""


class OutputFolder(type(Path())):  # type: ignore[misc]
    """A folder into which a command writes; used as the `type` of its argument."""


def check_paths(arguments: argparse.Namespace) -> None:
    """Expand `~` in all paths, in place, and check them.

    Raises:
        UserError: If an output is also an input or given twice, if it cannot be written, or if a name contains control
            characters.
    """
    inputs: list[Path] = []
    outputs: list[Path] = []
    for name, value in vars(arguments).items():
        is_list = isinstance(value, list)
        paths = [path.expanduser() for path in (value if is_list else [value]) if isinstance(path, Path)]
        if paths:
            setattr(arguments, name, paths if is_list else paths[0])
        for path in paths:
            option = f"--{name.replace('_', '-')} {path}"
            check_name(path, f"--{name.replace('_', '-')}")
            if isinstance(path, OutputFile | OutputFolder):
                _check_writable(path, option)
                outputs.append(path)
            else:
                inputs.append(path)
    check_outputs(outputs, inputs)


def check_name(path: Path | str, where: str) -> None:
    """Check that a name is safe in tables, logs and other programs.

    Raises:
        UserError: If it contains a control character; the message begins with `where`.
    """
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in str(path)):
        raise UserError(f"{where} {str(path)!r}: has a line break or another control character in its name; rename it")


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check that outputs are distinct files; existing folders are ignored.

    Raises:
        UserError: If an output is also an input, or two outputs are the same file.
    """
    written: list[Path] = []
    inputs = list(inputs)
    for output in outputs:
        if output.is_dir():
            continue
        for path in inputs:
            if _same(output, path):
                raise UserError(f"{output} is both an input and an output; choose another name for the output")
        for path in written:
            if _same(output, path):
                raise UserError(f"'{output}' is given for two outputs; choose another name for one of them")
        written.append(output)


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them does not exist
        return os.path.realpath(first) == os.path.realpath(second)


def _check_writable(path: Path, option: str) -> None:
    if isinstance(path, OutputFile) and path.is_dir():
        raise UserError(f"{option}: is a folder; name a file in it")
    if isinstance(path, OutputFolder) and path.exists() and not path.is_dir():
        raise UserError(f"{option}: is a file; name a folder")
    if isinstance(path, OutputFile) and path.is_file() and (start := BEGINNINGS.get(path.suffix)):
        with path.open("rb") as handle:
            if (beginning := handle.read(len(start))) and beginning != start:
                raise UserError(
                    f"{option}: exists already and is not a {path.suffix} file; remove it, or choose another name"
                )
    for parent in path.parents:
        if parent.exists():
            if not parent.is_dir():
                raise UserError(f"{option}: {parent} is a file, not a folder; choose another location")
            if not os.access(parent, os.W_OK | os.X_OK):
                raise UserError(f"{option}: no permission to write in {parent}; choose another location")
            return
