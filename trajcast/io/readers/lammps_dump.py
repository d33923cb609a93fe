"""Reader for LAMMPS text dumps (https://docs.lammps.org/dump.html) that guesses nothing.

The readers of ASE and MDAnalysis guess elements from masses, treat unstated boundaries as open, fail on text columns,
and drop image flags and masses.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.io.formats import open_with_compression
from numpy.typing import NDArray

from trajcast.core.elements import elements_of_masses
from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.frames import Frames, Reading, even_interval
from trajcast.io.readers._lammps_snapshots import (
    IMAGES,
    PLAIN,
    SCALED,
    SCALED_UNWRAPPED,
    UNWRAPPED,
    VELOCITIES,
    Snapshot,
    snapshots_of,
)
from trajcast.io.readers.assembly import assembled
from trajcast.io.readers.text import check_ended, symbols_to_numbers

TIME_UNITS_FS = {"real": 1.0, "metal": PS}


def read(path: Path, reading: Reading) -> Frames:
    """Read all frames.

    Raises:
        UserError: If units, boundaries, elements or other required data are missing or contradictory.
    """
    check_ended(path)
    try:
        with open_with_compression(str(path), "rt") as handle:
            snapshots = list(snapshots_of(path, handle, reading.elements))
    except (EOFError, OSError, UnicodeDecodeError) as error:  # also from truncated compressed files
        raise UserError(f"{path}: cannot be read to its end ({error}); is it damaged or cut off?") from None
    if len(snapshots) < 2:
        raise UserError(f"{path}: {len(snapshots)} frame(s); pairs need at least 2: give a longer run")
    units = _units(path, snapshots, reading.lammps_units)
    pbc = _periodic(path, snapshots, reading.boundary)
    numbers, masses = _atoms(path, snapshots, reading.elements)
    cells = np.stack([snapshot.cell for snapshot in snapshots])
    positions, wrapped = _positions(path, snapshots, pbc)
    return assembled(
        path,
        SystemSpec(numbers=numbers, masses=masses, cell=cells[0] * pbc[:, None], pbc=pbc),
        positions=positions,
        velocities=_numbers(path, snapshots, VELOCITIES) / TIME_UNITS_FS[units],
        cells=cells,
        interval_fs=_interval(path, snapshots, units),
        reading=reading,
        wrapped=wrapped,
    )


def _units(path: Path, snapshots: Sequence[Snapshot], given: str | None) -> str:
    """Unit style of the run, from the dump or the user; UserError if unknown or contradictory."""
    stated = {snapshot.units for snapshot in snapshots if snapshot.units is not None}
    if len(stated) > 1:
        raise UserError(f"{path}: its frames are in {' and '.join(sorted(stated))} units; give runs separately")
    in_file = next(iter(stated), None)
    if in_file is not None and given is not None and in_file != given:
        raise UserError(f"--lammps-units {given} contradicts {path}, which is in {in_file} units; leave it out")
    units = in_file or given
    if units is None:
        raise UserError(f"{path} does not say its units; give --lammps-units real or metal")
    if units not in TIME_UNITS_FS:
        raise UserError(f"{path} is in {units} units; use one of: {', '.join(TIME_UNITS_FS)}")
    return units


def _periodic(path: Path, snapshots: Sequence[Snapshot], given: str | None) -> NDArray[np.bool_]:
    stated = {snapshot.boundary for snapshot in snapshots}
    if len(stated) > 1:
        raise UserError(f"{path}: its frames have different boundaries in BOX BOUNDS; give runs separately")
    flags = stated.pop()
    if flags is None:
        if given is None:
            raise UserError(
                f"{path}: BOX BOUNDS does not say which directions are periodic; give --boundary ppp, with "
                "another letter for each non-periodic direction: ppf, fff"
            )
        flags = tuple(given)
    elif given is not None and [f[0] == "p" for f in flags] != [g == "p" for g in given]:
        raise UserError(f"--boundary {given} contradicts {path}, which says {' '.join(flags)}; leave it out")
    return np.array([flag.startswith("p") for flag in flags])


def _atoms(
    path: Path, snapshots: Sequence[Snapshot], elements: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atomic numbers and masses (u) from the file; elements are derived from masses only if unambiguous."""
    first = snapshots[0].columns
    for frame, snapshot in enumerate(snapshots):
        for name in ("id", "type", "element", "mass"):
            if name in first and not np.array_equal(first[name], snapshot.columns.get(name, first[name][:0])):
                raise UserError(
                    f"{path}: the column {name} of frame {frame} ({len(snapshot.columns['id'])} atoms) differs from "
                    f"that of frame 0 ({len(first['id'])} atoms); all frames must have the same atoms: remove "
                    "or correct this frame"
                )
    masses = None
    if "mass" in first:
        masses = first["mass"]
    if elements:
        numbers = _of_types(path, first, elements)
        if "element" in first and not np.array_equal(numbers, symbols_to_numbers(path, first["element"], "correct it")):
            raise UserError(f"--elements {','.join(elements)} contradicts the column element of {path}; leave it out")
    elif "element" in first:
        numbers = symbols_to_numbers(path, first["element"], "write their symbols with `dump_modify ID element O H`")
    else:
        assert masses is not None
        remedy = "dump `element` as well, with `dump_modify ID element O H`"
        numbers = elements_of_masses(masses, str(path), remedy)
    if masses is None:
        from ase.data import atomic_masses

        masses = atomic_masses[numbers]
    return numbers.astype(np.int64), masses


def _of_types(path: Path, columns: dict[str, NDArray], elements: Sequence[str]) -> NDArray[np.int64]:
    """Atomic numbers from LAMMPS atom types and the elements that the user gives for them."""
    if "type" not in columns:
        raise UserError(
            f"{path}: --elements names the elements of atom types, but there is no column `type`; dump `type` as well"
        )
    types = columns["type"].astype(np.int64)
    if types.min() < 1 or types.max() > len(elements):
        raise UserError(
            f"{path}: has types {types.min()} to {types.max()}, --elements {','.join(elements)} names {len(elements)}; "
            "name the element of each type, in order"
        )
    return symbols_to_numbers(path, np.array(elements), "write element symbols after --elements")[types - 1]


def _numbers(path: Path, snapshots: Sequence[Snapshot], names: Sequence[str]) -> NDArray[np.float64]:
    """Values of the columns `names`, of shape (frames, atoms, columns)."""
    if frames := [frame for frame, s in enumerate(snapshots) if not set(names) <= set(s.columns)]:
        raise UserError(
            f"{path}: frame {frames[0]} lacks the columns {' '.join(names)} of frame 0; give runs separately"
        )
    return np.stack([np.stack([s.columns[name] for name in names], axis=1) for s in snapshots])


def _positions(path: Path, snapshots: Sequence[Snapshot], pbc: NDArray[np.bool_]) -> tuple[NDArray[np.float64], bool]:
    """Positions from the least ambiguous columns available, and whether they still have to be unwrapped."""
    columns = snapshots[0].columns
    cells, origins = (np.stack([getattr(s, name) for s in snapshots]) for name in ("cell", "origin"))
    if columns.keys() >= set(UNWRAPPED):
        return _numbers(path, snapshots, UNWRAPPED), False
    if columns.keys() >= set(SCALED_UNWRAPPED):
        scaled = _numbers(path, snapshots, SCALED_UNWRAPPED)
        return scaled @ cells + origins[:, None], False
    plain = columns.keys() >= set(PLAIN)
    positions = _numbers(path, snapshots, PLAIN if plain else SCALED)
    if not plain:
        positions = positions @ cells + origins[:, None]
    if not columns.keys() >= set(IMAGES):
        return positions, True
    return positions + (_numbers(path, snapshots, IMAGES) * pbc) @ cells, False


def _interval(path: Path, snapshots: Sequence[Snapshot], units: str) -> float | None:
    """Time between frames, fs, if the dump states it; UserError if its timesteps are unevenly spaced."""
    timesteps = np.array([snapshot.timestep for snapshot in snapshots])
    steps = np.diff(timesteps)
    uneven = np.flatnonzero((steps != steps[0]) | (steps <= 0))
    if len(uneven):
        frame = int(uneven[0])
        if np.all(steps < 0):
            raise UserError(
                f"{path}: timesteps decrease ({timesteps[1]} follows {timesteps[0]}); sort the frames by time"
            )
        raise UserError(
            f"{path}: frames are unevenly spaced ({steps.min()} to {steps.max()} steps; timestep "
            f"{timesteps[frame + 1]} follows {timesteps[frame]} at frame {frame + 1}); save every n-th step, each "
            "once: remove frames that a restart wrote twice, and give joined runs separately"
        )
    times = [snapshot.time for snapshot in snapshots]
    if None in times:
        return None
    return even_interval(path, np.array(times, dtype=np.float64) * TIME_UNITS_FS[units])
