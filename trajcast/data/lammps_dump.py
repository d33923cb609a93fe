"""What a LAMMPS text dump says about itself: unit style, times, columns (https://docs.lammps.org/dump.html)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.io.formats import open_with_compression

from trajcast.errors import UserError
from trajcast.units import PS

TIME_UNITS_FS = {"real": 1.0, "metal": PS}
POSITIONS = ({"x", "y", "z"}, {"xs", "ys", "zs"}, {"xu", "yu", "zu"}, {"xsu", "ysu", "zsu"})


@dataclass(frozen=True, kw_only=True)
class DumpFacts:
    """Unit style and interval where the dump states them (`dump_modify units yes time yes`)."""

    units: str | None
    times: list[float]  # in the time unit of the style; empty where not stated
    timesteps: list[int]


def is_lammps_dump(path: Path) -> bool:
    """Whether this is a text dump, compressed or not."""
    with open_with_compression(str(path), "rb") as handle:
        return handle.read(5) == b"ITEM:"


def read_dump_facts(path: Path) -> DumpFacts:
    """Read the statements; UserError when the columns do not give atoms in a fixed order with known elements."""
    units: str | None = None
    times: list[float] = []
    timesteps: list[int] = []
    columns: set[str] = set()
    with open_with_compression(str(path), "rt") as handle:
        for line in handle:
            if line.startswith("ITEM: UNITS"):
                units = next(handle, "").strip()
            elif line.startswith("ITEM: TIMESTEP"):
                timesteps.append(int(next(handle, "0")))
            elif line.startswith("ITEM: TIME"):
                times.append(float(next(handle, "nan")))
            elif line.startswith("ITEM: ATOMS") and not columns:
                columns = set(line.split()[2:])
    if not columns & {"element", "mass"}:
        raise UserError(
            f"{path}: no column says which element an atom is; dump `element` and name the elements with "
            "`dump_modify ID element O H`"
        )
    needed = {"id": {"id"}, "vx vy vz": {"vx", "vy", "vz"}}
    missing = [name for name, names in needed.items() if not names <= columns]
    if not any(names <= columns for names in POSITIONS):
        missing.append("x y z")
    if missing:
        raise UserError(f"{path}: column(s) {' '.join(missing)} missing; dump `id element x y z vx vy vz`")
    return DumpFacts(units=units, times=times, timesteps=timesteps)


def dump_units(path: Path, facts: DumpFacts, given: str | None) -> str:
    """The unit style of the run, from the dump or the user; UserError when unknown or contradictory."""
    if facts.units is not None and given is not None and facts.units != given:
        raise UserError(f"--lammps-units {given} contradicts {path}, which is in {facts.units} units; leave it out")
    units = facts.units or given
    if units is None:
        raise UserError(f"{path} does not say its units; give --lammps-units real or metal")
    if units not in TIME_UNITS_FS:
        raise UserError(f"{path} is in {units} units; use one of: {', '.join(TIME_UNITS_FS)}")
    return units


def dump_times_fs(path: Path, facts: DumpFacts, units: str) -> np.ndarray | None:
    """Times of the frames, fs, where the dump states them; UserError when its timesteps are unevenly spaced."""
    steps = np.diff(facts.timesteps)
    if len(steps) and (steps.min() != steps.max() or steps.min() <= 0):
        raise UserError(
            f"{path}: frames are unevenly spaced ({steps.min()} to {steps.max()} steps); "
            "save every n-th step, each once"
        )
    return np.array(facts.times) * TIME_UNITS_FS[units] if facts.times else None
