"""The frames of one trajectory in memory, whatever file they come from, and what makes them fit for use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajcast.errors import UserError
from trajcast.trajectory import Topology


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Evenly spaced frames of one system at constant cell."""

    path: Path
    topology: Topology
    interval_fs: float
    positions: NDArray[np.floating]  # (frames, atoms, 3) Å, unwrapped
    velocities: NDArray[np.floating]  # (frames, atoms, 3) Å/fs

    def __len__(self) -> int:
        return len(self.positions)


def constant_cell(path: Path, cells: NDArray[np.floating]) -> NDArray[np.floating]:
    """The one cell of all frames, from (frames, 3, 3); UserError where it changes."""
    differ = np.flatnonzero(~np.isclose(cells, cells[0], rtol=1e-6, atol=1e-6).all(axis=(1, 2)))
    if len(differ):
        raise UserError(
            f"{path}: the cell of frame {differ[0]} differs from that of frame 0; a data set is cut from runs at "
            "constant cell: run NVE"
        )
    return cells[0]


def agreed_interval(path: Path, stated_fs: float | None, given_fs: float | None) -> float:
    """Time between frames, fs, from what the file states and what the user gives; UserError where they differ."""
    if given_fs is not None and not (math.isfinite(given_fs) and given_fs > 0):
        raise UserError(f"--interval-fs {given_fs:g} is wrong; give the time between frames in fs, above zero")
    if stated_fs is None:
        if given_fs is None:
            raise UserError(f"{path} does not say how far apart its frames are; give it with --interval-fs")
        return given_fs
    if given_fs is not None and not math.isclose(stated_fs, given_fs, rel_tol=1e-3):
        raise UserError(
            f"--interval-fs {given_fs:g} contradicts {path}, whose frames are {stated_fs:g} fs apart; leave it out"
        )
    return stated_fs if given_fs is None else given_fs


def even_interval(path: Path, times_fs: NDArray[np.floating]) -> float:
    """Interval of times that a file states, perhaps in single precision; UserError unless evenly spaced."""
    if len(times_fs) < 2:
        raise UserError(f"{path}: {len(times_fs)} frame(s); pairs need at least 2")
    interval = (times_fs[-1] - times_fs[0]) / (len(times_fs) - 1)
    steps = np.diff(times_fs)
    if interval <= 0 or not np.allclose(steps, interval, rtol=0.02):
        raise UserError(
            f"{path}: frames are unevenly spaced ({steps.min():g} to {steps.max():g} fs); save every n-th step, "
            "each once"
        )
    return float(f"{interval:.7g}")


def check_finite(frames: Frames) -> None:
    """UserError where a position or velocity is NaN or infinite."""
    for name, values in (("position", frames.positions), ("velocity", frames.velocities)):
        broken = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
        if len(broken):
            raise UserError(f"{frames.path}: frame {broken[0]} has a {name} that is not finite; cut or mend the file")


def check_motion(frames: Frames) -> None:
    """UserError where positions and velocities cannot belong together: a wrong unit or interval.

    A mean square displacement never exceeds that of straight flight at the mean square velocity; and atoms that
    move a fiftieth of that in one interval are no trajectory to learn from.
    """
    sample = np.linspace(0, len(frames) - 2, num=min(len(frames) - 1, 500)).astype(int)
    moved = frames.positions[sample + 1].astype(np.float64) - frames.positions[sample]
    flown = frames.velocities[sample].astype(np.float64) * frames.interval_fs
    ratio = np.sqrt(np.mean(moved**2)) / max(np.sqrt(np.mean(flown**2)), np.finfo(float).tiny)
    if not 0.02 < ratio < 1.5:
        raise UserError(
            f"{frames.path}: atoms move {ratio:.3g} times as far between frames as their velocities would carry them "
            f"in {frames.interval_fs:g} fs; check the interval and the unit of the velocities"
        )
