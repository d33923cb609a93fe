"""Checks shared by the readers of text files."""

from __future__ import annotations

import os
import re
from io import TextIOWrapper
from pathlib import Path

import numpy as np
from ase.io.formats import open_with_compression
from numpy.typing import NDArray

from trajcast.core.errors import UserError

BLOCK = 2**20
COMPRESSED = (".gz", ".bz2", ".xz")


def check_ended(path: Path) -> None:
    """Check that the text ends with a line break; otherwise the last number may have lost digits.

    Raises:
        UserError: If it does not, or if the file is empty or cannot be read to its end.
    """
    last = b""
    try:
        if path.suffix in COMPRESSED:
            with open_with_compression(str(path), "rb") as handle:
                while block := handle.read(BLOCK):
                    last = block
        elif path.stat().st_size:
            with path.open("rb") as handle:
                handle.seek(-1, os.SEEK_END)
                last = handle.read()
    except (EOFError, OSError) as error:
        raise UserError(f"{path}: cannot be read to its end ({error}); is it damaged or cut off?") from None
    if not last:
        raise UserError(f"{path}: is empty; give a file with frames")
    if not last.endswith((b"\n", b"\r")):
        raise UserError(
            f"{path}: its last line does not end with a line break, so digits may be missing; remove the last frame, "
            "or add a line break if the file is complete"
        )


def check_species(path: Path) -> None:
    """Check the element symbols in the first frame of an XYZ file: ASE would read CA, MN and HO as Ca, Mn and Ho.

    Raises:
        UserError: If a name is not an element symbol.
    """
    with open_with_compression(str(path), "rb") as raw, TextIOWrapper(raw, "utf-8", errors="replace") as handle:
        count, comment = handle.readline().split(), handle.readline()
        if len(count) != 1 or not count[0].isdigit():
            return  # ASE's error message is more specific
        columns = re.search(r'Properties="?([^\s"]+)', comment)
        names, place = (columns[1].split(":") if columns else ["species", "S", "1"]), 0
        if "species" not in names[::3]:
            return
        place = sum(int(width) for width in names[2 : 3 * names[::3].index("species") : 3])
        rows = [handle.readline().split() for _ in range(int(count[0]))]
    symbols = [row[place] for row in rows if len(row) > place]
    symbols_to_numbers(
        path, np.array([s for s in symbols if not s.isdigit()]), "write element symbols, such as Ca or C"
    )


def symbols_to_numbers(path: Path, symbols: NDArray, remedy: str) -> NDArray[np.int64]:
    """Atomic numbers of element symbols.

    Raises:
        UserError: If a symbol is not an element's; the message ends with `remedy`.
    """
    from ase.data import atomic_numbers

    names, inverse = np.unique(symbols, return_inverse=True)
    if unknown := [str(name) for name in names if not atomic_numbers.get(str(name))]:
        atom = int(np.flatnonzero(symbols == unknown[0])[0])
        raise UserError(f"{path}: atom {atom} is called {unknown[0]!r}, which is not an element symbol; {remedy}")
    return np.array([atomic_numbers[str(name)] for name in names])[inverse]
