"""Parser for LAMMPS text dumps, frame by frame, without conversions (https://docs.lammps.org/dump.html)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError

UNWRAPPED, SCALED_UNWRAPPED, PLAIN, SCALED = (tuple(f"{axis}{kind}" for axis in "xyz") for kind in ("u", "su", "", "s"))
IMAGES, VELOCITIES = ("ix", "iy", "iz"), ("vx", "vy", "vz")
USED = {"id", "type", "element", "mass", *UNWRAPPED, *SCALED_UNWRAPPED, *PLAIN, *SCALED, *IMAGES, *VELOCITIES}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One frame, in the units and conventions of the file."""

    timestep: int
    time: float | None  # in the unit of the unit style
    units: str | None
    origin: NDArray[np.float64]  # lower corner of the box
    cell: NDArray[np.float64]  # rows are lattice vectors
    boundary: tuple[str, ...] | None  # pp, ff, …; None if not stated
    columns: dict[str, NDArray]  # columns in USED, sorted by id; `element` is text, all others float64


def snapshots_of(path: Path, handle: IO[str], elements: Sequence[str]) -> Iterator[Snapshot]:
    """Yield all frames; the items before the atoms of a frame may come in any order.

    Args:
        elements: Elements of the atom types, if given by the user.

    Raises:
        UserError: If the file does not follow the format, lacks a column, or is truncated.
    """
    units: str | None = None
    time: float | None = None
    items: dict[str, Any] = {}
    frame = 0
    for line in handle:
        words = line.split()
        if words[:1] != ["ITEM:"]:
            raise UserError(
                f"{path}: frame {frame}: expected a line ITEM: …, found {line.strip()[:60]!r}; truncate or correct it"
            )
        title = line.split(":", 1)[1].strip()
        try:
            if title == "UNITS":
                units = next(handle).strip()
            elif title == "TIME":
                time = float(next(handle))
            elif title in ("TIMESTEP", "NUMBER OF ATOMS"):
                items[title] = int(next(handle))
            elif title.startswith("BOX BOUNDS"):
                items["BOX"] = [title, *(next(handle) for _ in range(3))]
            elif title.startswith("ATOMS"):
                yield _snapshot(path, frame, items, title.split()[1:], handle, time, units, elements)
                frame, items, time = frame + 1, {}, None
            else:
                raise UserError(f"{path}: frame {frame}: ITEM: {title[:40]} is not supported; use dump style custom")
        except (StopIteration, ValueError, KeyError) as error:
            if isinstance(error, UserError):
                raise
            reason = str(error) or "the file ends"
            raise UserError(
                f"{path}: frame {frame}: ITEM: {title[:40]} cannot be read ({reason}); is it cut off or damaged?"
            ) from None
    if items:
        raise UserError(f"{path}: frame {frame} has no atoms; the file is cut off within this frame: remove the frame")


def _snapshot(
    path: Path,
    frame: int,
    items: dict[str, Any],
    names: list[str],
    handle: IO[str],
    time: float | None,
    units: str | None,
    elements: Sequence[str],
) -> Snapshot:
    count = items["NUMBER OF ATOMS"]
    missing = [name for name in ("id", *VELOCITIES) if name not in names]
    if not any(set(columns) <= set(names) for columns in (UNWRAPPED, SCALED_UNWRAPPED, PLAIN, SCALED)):
        missing.append("x y z")
    if missing:
        raise UserError(
            f"{path}: frame {frame}: column(s) {' '.join(missing)} missing; dump `id element mass x y z vx vy vz`"
        )
    if not {"element", "mass"} & set(names) and not elements:
        raise UserError(
            f"{path}: no column says which element an atom is; dump `element` and name the elements with "
            "`dump_modify ID element O H`, or give the elements of the atom types with --elements O,H"
        )
    rows = [next(handle, "").split() for _ in range(count)]
    for row in rows:
        if len(row) != len(names):
            raise UserError(
                f"{path}: frame {frame}: a line has {len(row)} columns, but {len(names)} are named; is the file cut "
                "off within this frame? Remove the frame"
            )
    columns = {
        name: np.array([row[place] for row in rows], dtype=str if name == "element" else np.float64)
        for place, name in enumerate(names)
        if name in USED
    }
    ids = columns["id"].astype(np.int64)
    order = np.argsort(ids, kind="stable")
    if len(repeated := np.flatnonzero(np.diff(ids[order]) == 0)):
        raise UserError(f"{path}: frame {frame}: two atoms have id {ids[order][repeated[0]]}; correct the file")
    origin, cell, boundary = _box(path, frame, items["BOX"])
    return Snapshot(
        timestep=items["TIMESTEP"],
        time=time,
        units=units,
        origin=origin,
        cell=cell,
        boundary=boundary,
        columns={name: values[order] for name, values in columns.items()},
    )


def _box(path: Path, frame: int, lines: Sequence[str]) -> tuple[NDArray, NDArray, tuple[str, ...] | None]:
    """Lower corner, lattice vectors and boundaries of an orthogonal or triclinic box.

    Conventions: https://docs.lammps.org/Howto_triclinic.html.
    """
    words = lines[0].split()[2:]
    rows = np.array([[float(x) for x in line.split()] for line in lines[1:]])
    general, tilted = words[:2] == ["abc", "origin"], words[:3] == ["xy", "xz", "yz"]
    flags = tuple(words[2:] if general else words[3:] if tilted else words)
    if len(flags) not in (0, 3) or rows.shape != (3, 4 if general else 3 if tilted else 2):
        raise UserError(
            f"{path}: frame {frame}: {' '.join(lines[0].split())} does not match the three lines below it; correct it"
        )
    if general:
        return rows[:, 3], rows[:, :3], flags or None
    xy, xz, yz = rows[:, 2] if tilted else (0.0, 0.0, 0.0)
    low = rows[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    high = rows[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return low, cell, flags or None
