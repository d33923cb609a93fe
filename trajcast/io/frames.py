"""Frames of one trajectory in memory, and the checks that every reader applies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError

if TYPE_CHECKING:
    from trajcast.core.system_spec import SystemSpec

UNEVEN = 0.02  # tolerated deviation of a step from the interval, relative: times may be written with few digits


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Information from the user that files may lack."""

    interval_fs: float | None = None  # time between frames
    lammps_units: str | None = None  # unit style of LAMMPS dumps
    elements: Sequence[str] = ()  # of LAMMPS atom types 1, 2, …
    velocity_unit: str | None = (
        None  # of velocity arrays whose unit the format does not define; one of readers.VELOCITY_UNITS
    )
    boundary: str | None = None  # of LAMMPS dumps that lack it: for each direction p or another letter
    topology: Path | None = None  # file with elements and masses, for MDAnalysis
    accept: Sequence[str] = ()  # names of checks to skip


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Evenly spaced frames of one system with a constant cell."""

    path: Path
    spec: SystemSpec
    interval_fs: float
    positions: NDArray[np.floating]  # (frames, atoms, 3) Å, unwrapped
    velocities: NDArray[np.floating]  # (frames, atoms, 3) Å/fs
    energies: NDArray[np.floating] | None = None  # (frames,) total energy, eV; None if not in the file

    def __len__(self) -> int:
        return len(self.positions)


def constant_cell(path: Path, cells: NDArray[np.floating], pbc: NDArray[np.bool_]) -> None:
    """Check that the lattice vectors of periodic directions do not change.

    Other directions are ignored: LAMMPS' shrink-wrapped boxes follow the atoms.

    Args:
        cells: Lattice vectors in Å, of shape (frames, 3, 3).

    Raises:
        UserError: If they change or are not finite.
    """
    cells = np.where(pbc[:, None], cells, 0.0)
    if len(broken := np.flatnonzero(~np.isfinite(cells).all(axis=(1, 2)))):
        raise UserError(
            f"{path}: the lattice vectors of frame {broken[0]} are not finite; truncate or correct the file"
        )
    differ = np.flatnonzero(~np.isclose(cells, cells[0], rtol=1e-6, atol=1e-6).all(axis=(1, 2)))
    if len(differ):
        raise UserError(
            f"{path}: the cell of frame {differ[0]} differs from that of frame 0; a data set needs runs with a "
            "constant cell: run NVE"
        )


def agreed_interval(path: Path, stated_fs: float | None, given_fs: float | None) -> float:
    """Reconcile the time between frames, fs, stated in the file with the one given by the user.

    Raises:
        UserError: If they differ, if neither is known, or if the given one is not finite and positive.
    """
    if given_fs is not None and not (math.isfinite(given_fs) and given_fs > 0):
        raise UserError(f"--interval-fs {given_fs:g} is wrong; give the time between frames in fs, above zero")
    if stated_fs is None:
        if given_fs is None:
            raise UserError(
                f"{path} does not state the time between frames, or only too coarsely (after 10 ns, times in single "
                "precision are accurate to 1 fs); give it with --interval-fs"
            )
        return given_fs
    if given_fs is not None and not math.isclose(stated_fs, given_fs, rel_tol=1e-3):
        raise UserError(
            f"--interval-fs {given_fs:g} contradicts {path}, whose frames are {stated_fs:g} fs apart; leave it out"
        )
    return stated_fs if given_fs is None else given_fs


def even_interval(path: Path, times_fs: NDArray[np.floating], rounding_fs: float = 0.0) -> float | None:
    """Determine the interval of the times in a file, which are accurate to `rounding_fs`.

    Returns:
        The interval in fs; None if the times are too coarse: after 10 ns, single precision is accurate to 1 fs.

    Raises:
        UserError: If there are fewer than two times, or they are not finite or not evenly spaced.
    """
    if len(times_fs) < 2:
        raise UserError(f"{path}: {len(times_fs)} frame(s); pairs need at least 2: give a longer run")
    if len(wrong := np.flatnonzero(~np.isfinite(times_fs))):
        raise UserError(f"{path}: the time of frame {wrong[0]} is not finite; truncate or correct the file")
    steps = np.diff(times_fs)
    interval = float(times_fs[-1] - times_fs[0]) / len(steps)
    off = np.flatnonzero(np.abs(steps - np.median(steps)) > UNEVEN * abs(interval) + 2 * rounding_fs)
    if len(off) or interval <= 0:
        frame = int(off[0]) if len(off) else 0
        raise UserError(
            f"{path}: frames are unevenly spaced ({steps.min():g} to {steps.max():g} fs; first between frames {frame} "
            f"and {frame + 1}); save every n-th step, each once: remove frames that a restart wrote twice, and give "
            "joined runs separately"
        )
    if rounding_fs > interval / 4:
        return None
    uncertainty = 2 * rounding_fs / len(steps)
    digits = 7 if uncertainty < 1e-7 * interval else max(1, math.floor(-math.log10(uncertainty / interval)))
    return float(f"{interval:.{digits}g}")


def check_finite(frames: Frames) -> None:
    """Check positions and velocities.

    Raises:
        UserError: If a value is NaN or infinite.
    """
    for name, values in (("position", frames.positions), ("velocity", frames.velocities)):
        broken = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
        if len(broken):
            raise UserError(
                f"{frames.path}: frame {broken[0]} has a {name} that is not finite; truncate or correct the file"
            )
