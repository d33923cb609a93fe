"""Splits a LAMMPS data file into sections as LAMMPS does (https://docs.lammps.org/read_data.html)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ase.io.formats import open_with_compression

from trajcast.core.errors import UserError

KINDS = ("Bond", "Angle", "Dihedral", "Improper")
HEADINGS = {
    *("Atoms", "Velocities", "Masses", "Ellipsoids", "Lines", "Triangles", "Bodies"),
    *(f"{kind}s" for kind in KINDS),
    *(f"{kind} Type Labels" for kind in ("Atom", *KINDS)),
    *(f"{kind} Coeffs" for kind in ("Pair", "PairIJ", *KINDS)),
    *(f"{pair} Coeffs" for pair in ("BondBond", "BondAngle", "MiddleBondTorsion", "EndBondTorsion", "AngleTorsion")),
    *(f"{pair} Coeffs" for pair in ("AngleAngleTorsion", "BondBond13", "AngleAngle")),
}


@dataclass(frozen=True)
class DataSection:
    """A section; `text` includes the line of its heading."""

    heading: str
    text: str


def read_text(path: Path) -> str:
    """Read a data file, compressed or not; comments may be in any encoding.

    Raises:
        UserError: If the file cannot be read to its end.
    """
    try:
        with open_with_compression(str(path), "rb") as handle:
            return handle.read().decode("utf-8", errors="replace")
    except (EOFError, OSError) as error:
        raise UserError(f"{path}: cannot be read to its end ({error}); is it damaged or cut off?") from None


def data_sections(text: str) -> tuple[str, list[DataSection]]:
    """Split the text into header and sections; the first line is always a title, even if it looks like a heading."""
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if n and " ".join(line.split("#")[0].split()) in HEADINGS]
    sections = [
        DataSection(" ".join(lines[start].split("#")[0].split()), "\n".join(lines[start:end]).rstrip())
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    return "\n".join(lines[: starts[0]] if starts else lines).rstrip(), sections
