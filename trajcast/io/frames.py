"""The frames of one trajectory in memory, whatever file they come from, and what its reader must make sure of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec

VELOCITY_UNITS = ("A/fs", "A/ps", "nm/ps", "m/s", "ase", "bohr/aut")
UNEVEN = 0.02  # of the interval: what may lie between times that are written with few digits


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What files may not say by themselves."""

    interval_fs: float | None = None  # time between frames
    lammps_units: str | None = None  # unit style of LAMMPS dumps
    elements: Sequence[str] = ()  # of the types of LAMMPS dumps, in order
    velocity_unit: str | None = None  # of arrays that may have any
    boundary: str | None = None  # of dumps without it: p or another letter for each direction
    topology: Path | None = None  # names and masses, for MDAnalysis
    accept: Sequence[str] = ()  # checks that may fail


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Evenly spaced frames of one system at constant cell."""

    path: Path
    spec: SystemSpec
    interval_fs: float
    positions: NDArray[np.floating]  # (frames, atoms, 3) Å, unwrapped
    velocities: NDArray[np.floating]  # (frames, atoms, 3) Å/fs
    energies: NDArray[np.floating] | None = None  # (frames,) total energy, eV, where the file has it

    def __len__(self) -> int:
        return len(self.positions)


def constant_cell(path: Path, cells: NDArray[np.floating], pbc: NDArray[np.bool_]) -> None:
    """UserError where a lattice vector of a periodic direction changes, from (frames, 3, 3).

    Along other directions a cell means nothing: LAMMPS' shrink-wrapped boxes follow the atoms.
    """
    cells = np.where(pbc[:, None], cells, 0.0)
    if len(broken := np.flatnonzero(~np.isfinite(cells).all(axis=(1, 2)))):
        raise UserError(f"{path}: the lattice vectors of frame {broken[0]} are not finite; cut or correct the file")
    differ = np.flatnonzero(~np.isclose(cells, cells[0], rtol=1e-6, atol=1e-6).all(axis=(1, 2)))
    if len(differ):
        raise UserError(
            f"{path}: the cell of frame {differ[0]} differs from that of frame 0; a data set is cut from runs at "
            "constant cell: run NVE"
        )


def agreed_interval(path: Path, stated_fs: float | None, given_fs: float | None) -> float:
    """Time between frames, fs, from what the file states and what the user gives; UserError where they differ."""
    if given_fs is not None and not (math.isfinite(given_fs) and given_fs > 0):
        raise UserError(f"--interval-fs {given_fs:g} is wrong; give the time between frames in fs, above zero")
    if stated_fs is None:
        if given_fs is None:
            raise UserError(
                f"{path} does not say how far apart its frames are, or too coarsely (times of 10 ns in single "
                "precision are known to 1 fs); give it with --interval-fs"
            )
        return given_fs
    if given_fs is not None and not math.isclose(stated_fs, given_fs, rel_tol=1e-3):
        raise UserError(
            f"--interval-fs {given_fs:g} contradicts {path}, whose frames are {stated_fs:g} fs apart; leave it out"
        )
    return stated_fs if given_fs is None else given_fs


def even_interval(path: Path, times_fs: NDArray[np.floating], rounding_fs: float = 0.0) -> float | None:
    """Interval of times that a file states, each to `rounding_fs`; UserError unless they are evenly spaced.

    None where they are too coarse to tell: in single precision times are known to 1 fs after 10 ns.
    """
    if len(times_fs) < 2:
        raise UserError(f"{path}: {len(times_fs)} frame(s); pairs need at least 2: give a longer run")
    if len(wrong := np.flatnonzero(~np.isfinite(times_fs))):
        raise UserError(f"{path}: the time of frame {wrong[0]} is not finite; cut or correct the file")
    steps = np.diff(times_fs)
    interval = float(times_fs[-1] - times_fs[0]) / len(steps)
    off = np.flatnonzero(np.abs(steps - np.median(steps)) > UNEVEN * abs(interval) + 2 * rounding_fs)
    if len(off) or interval <= 0:
        frame = int(off[0]) if len(off) else 0
        raise UserError(
            f"{path}: frames are unevenly spaced ({steps.min():g} to {steps.max():g} fs; first between frames {frame} "
            f"and {frame + 1}); save every n-th step, each once: cut out what a restart wrote twice, give joined runs "
            "one by one"
        )
    if rounding_fs > interval / 4:
        return None
    known = 2 * rounding_fs / len(steps)
    digits = 7 if known < 1e-7 * interval else max(1, math.floor(-math.log10(known / interval)))
    return float(f"{interval:.{digits}g}")


def check_finite(frames: Frames) -> None:
    """UserError where a position or velocity is NaN or infinite."""
    for name, values in (("position", frames.positions), ("velocity", frames.velocities)):
        broken = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
        if len(broken):
            raise UserError(
                f"{frames.path}: frame {broken[0]} has a {name} that is not finite; cut or correct the file"
            )
