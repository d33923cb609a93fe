"""Paths on the command line: all that any command is told to read or write passes here before it begins."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from trajcast.core.errors import UserError

HDF5 = b"\x89HDF\r\n\x1a\n"  # how such files begin
BEGINNINGS = {".h5": HDF5, ".h5md": HDF5, ".json": b"{"}
"""Of files that commands write: others of such a name are somebody's own."""


class OutputFile(type(Path())):  # type: ignore[misc]
    """A file that a command writes: `type` of its argument."""


class OutputFolder(type(Path())):  # type: ignore[misc]
    """A folder that a command writes into: `type` of its argument."""


def check_paths(arguments: argparse.Namespace) -> None:
    """Expand `~` in all paths; UserError for an output that is an input, or that cannot be written as what it is."""
    inputs: list[Path] = []
    outputs: list[Path] = []
    for name, value in vars(arguments).items():
        several = isinstance(value, list)
        paths = [path.expanduser() for path in (value if several else [value]) if isinstance(path, Path)]
        if paths:
            setattr(arguments, name, paths if several else paths[0])
        for path in paths:
            option = f"--{name.replace('_', '-')} {path}"
            check_name(path, f"--{name.replace('_', '-')}")
            if isinstance(path, OutputFile | OutputFolder):
                _check_place(path, option)
                outputs.append(path)
            else:
                inputs.append(path)
    check_outputs(outputs, inputs)


def check_name(path: Path | str, where: str) -> None:
    """UserError for names that tables, logs and other programs cannot hold."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in str(path)):
        raise UserError(f"{where} {str(path)!r}: has a line break or another control character in its name; rename it")


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """UserError where a file to be written is one that is read, or two outputs are one file."""
    written: list[Path] = []
    inputs = list(inputs)
    for output in outputs:
        if output.is_dir():
            continue
        for path in inputs:
            if _same(output, path):
                raise UserError(f"{output} is to be written, but is read as well; choose another name for the output")
        for path in written:
            if _same(output, path):
                raise UserError(f"'{output}' is named for two outputs; choose another name for one of them")
        written.append(output)


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them is not there
        return os.path.realpath(first) == os.path.realpath(second)


def _check_place(path: Path, option: str) -> None:
    if isinstance(path, OutputFile) and path.is_dir():
        raise UserError(f"{option}: is a folder; name a file in it")
    if isinstance(path, OutputFolder) and path.exists() and not path.is_dir():
        raise UserError(f"{option}: is a file; name a folder")
    if isinstance(path, OutputFile) and path.is_file() and (start := BEGINNINGS.get(path.suffix)):
        with path.open("rb") as handle:
            if (found := handle.read(len(start))) and found != start:
                raise UserError(
                    f"{option}: is there already, and is not a {path.suffix} file; remove it, or choose another name"
                )
    for above in path.parents:
        if above.exists():
            if not above.is_dir():
                raise UserError(f"{option}: {above} is a file, no folder; choose another place")
            if not os.access(above, os.W_OK | os.X_OK):
                raise UserError(f"{option}: no right to write in {above}; choose another place")
            return
