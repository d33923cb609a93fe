"""Writing LAMMPS text dumps of a run, in any of the ways that LAMMPS has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from world import FRAMES, Run

SYMBOL = {1: "H", 8: "O"}
UNITS = {"real": (1.0, 1.0), "metal": (1e3, 1e-3), "lj": (1.0, 1.0)}


def dump(
    own: Run,
    columns: str = "id element x y z vx vy vz",
    *,
    units: str | None = "real",
    times: bool = True,
    frames: int = FRAMES,
    interval_fs: float = 1.0,
    boundary: str = "pp pp pp",
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    box: Callable[[NDArray[np.float64]], list[str]] | None = None,
    first_step: int = 0,
    ids: Callable[[int], int] = lambda atom: atom + 1,
    more: Callable[[int], dict[str, Any]] = lambda atom: {},
    in_units: str | None = None,
) -> str:
    """The text; atoms come in the order of the processor. `in_units`: what numbers are really in."""
    velocity_unit, time_unit = UNITS[in_units or units or "real"]
    rng = np.random.default_rng(0)
    lines = ["ITEM: UNITS", units] if units else []
    inverse = np.linalg.inv(own.cell)
    for frame in range(frames):
        time = frame * interval_fs
        unwrapped, velocities = own.positions(time), own.velocities(time) * velocity_unit
        turns = np.floor(unwrapped @ inverse) * own.pbc
        x = unwrapped - turns @ own.cell
        low = np.array(origin)
        if times:
            lines += ["ITEM: TIME", f"{time * time_unit:.16g}"]
        lines += ["ITEM: TIMESTEP", str(first_step + 2 * frame), "ITEM: NUMBER OF ATOMS", str(len(x))]
        bounds, low, sides = box_lines(own, x, low, boundary) if box is None else (box(x), low, own.cell)
        lines += [*bounds, f"ITEM: ATOMS {columns}"]
        scaled = (x - (low - np.array(origin))) @ np.linalg.inv(sides)
        for i in rng.permutation(len(x)).tolist():
            values: dict[str, Any] = {"id": ids(i), "element": SYMBOL[int(own.numbers[i])], "mass": own.masses[i]}
            values |= {"type": 1 if own.numbers[i] == 8 else 2}
            for n, axis in enumerate("xyz"):
                values[axis] = f"{x[i, n] + origin[n]:.10f}"
                values[f"{axis}u"] = f"{unwrapped[i, n] + origin[n]:.10f}"
                values[f"{axis}s"] = f"{scaled[i, n]:.12f}"
                values[f"{axis}su"] = f"{(unwrapped @ inverse)[i, n]:.12f}"
                values[f"i{axis}"] = int(turns[i, n])
                values[f"v{axis}"] = f"{velocities[i, n]:.12g}"
            values |= more(i)
            lines.append(" ".join(str(values[name]) for name in columns.split()))
    return "\n".join(lines) + "\n"


def box_lines(
    own: Run, x: NDArray[np.float64], origin: NDArray[np.float64], boundary: str
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """The box as LAMMPS writes it: shrunk to the atoms along axes that are not periodic."""
    cell, low = own.cell.copy(), origin.copy()
    for axis in np.flatnonzero(~own.pbc):
        low[axis] = origin[axis] + x[:, axis].min() - 1e-6
        cell[axis, axis] = np.ptp(x[:, axis]) + 2e-6
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    high = low + np.diag(cell)
    if not np.any([xy, xz, yz]):
        lines = [f"{a:.16e} {b:.16e}" for a, b in zip(low, high, strict=True)]
        return [f"ITEM: BOX BOUNDS {boundary}".rstrip(), *lines], low, cell
    shift_low = low + np.array([min(0, xy, xz, xy + xz), min(0, yz), 0])
    shift_high = high + np.array([max(0, xy, xz, xy + xz), max(0, yz), 0])
    rows = zip(shift_low, shift_high, (xy, xz, yz), strict=True)
    lines = [f"{a:.16e} {b:.16e} {t:.16e}" for a, b, t in rows]
    return [f"ITEM: BOX BOUNDS xy xz yz {boundary}".rstrip(), *lines], low, cell


def frames_of(text: str) -> list[str]:
    """The frames of a dump with times, the first with its units."""
    parts = text.split("ITEM: TIME\n")
    return [parts[0] + "ITEM: TIME\n" + parts[1], *("ITEM: TIME\n" + part for part in parts[2:])]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
