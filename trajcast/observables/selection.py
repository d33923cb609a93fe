"""Evenly spaced frames of a trajectory: all, every n-th, or one block."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Selected frames of an open trajectory; arrays are read on access.

    `spacing_fs` is the time between consecutive selected frames, None if the trajectory has fewer than two.
    """

    trajectory: Trajectory
    frames: range
    spacing_fs: float | None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def spec(self) -> SystemSpec:
        return self.trajectory.spec

    @property
    def positions(self) -> NDArray[np.float32]:
        """(frames, atoms, 3), unwrapped, Å."""
        return self.trajectory.positions[self._slice]

    @property
    def velocities(self) -> NDArray[np.float32]:
        """(frames, atoms, 3), Å/fs."""
        return self.trajectory.velocities[self._slice]

    @property
    def _slice(self) -> slice:
        return slice(self.frames.start, self.frames.stop, self.frames.step)

    @property
    def atoms_of(self) -> dict[str, NDArray[np.int64]]:
        """Indices of the atoms of each element, by its symbol, heaviest first."""
        return atoms_of(self.spec)

    def at_least(self, interval_fs: float) -> Selection:
        """Every n-th frame, with the smallest n for which frames are at least `interval_fs` apart."""
        if self.spacing_fs is None:
            return self
        stride = max(1, math.ceil(interval_fs / self.spacing_fs - 1e-6))
        return replace(self, frames=self.frames[::stride], spacing_fs=stride * self.spacing_fs)

    def blocks(self, count: int, shared: int = 0) -> list[Selection]:
        """Split into `count` consecutive blocks of equal length, dropping left-over frames; empty if there are too few.

        With `shared` = 1, the last frame of a block is the first of the next, so that no displacement is lost.
        """
        length = (len(self) - shared) // count
        if length < 1:
            return []
        return [replace(self, frames=self.frames[i * length : (i + 1) * length + shared]) for i in range(count)]

    def __str__(self) -> str:
        if self.spacing_fs is None or len(self) < 2:
            return f"{len(self)} frame(s)"
        return f"{len(self)} frames, {self.spacing_fs:g} fs apart ({(len(self) - 1) * self.spacing_fs / PS:g} ps)"


def atoms_of(spec: SystemSpec) -> dict[str, NDArray[np.int64]]:
    """Indices of the atoms of each element, by its symbol, heaviest first."""
    numbers = spec.numbers
    return {chemical_symbols[z]: np.flatnonzero(numbers == z) for z in sorted(set(numbers.tolist()), reverse=True)}


def select(trajectory: Trajectory, spacing_fs: float | None = None) -> Selection:
    """Select all frames, or those `spacing_fs` apart; UserError if the interval does not divide the spacing."""
    if len(trajectory) < 2:
        return Selection(trajectory=trajectory, frames=range(len(trajectory)), spacing_fs=None)
    stride = 1 if spacing_fs is None else trajectory.stride(spacing_fs)
    return Selection(
        trajectory=trajectory,
        frames=range(0, len(trajectory), stride),
        spacing_fs=stride * trajectory.interval_fs,
    )
