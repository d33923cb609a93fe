"""Final step of readers of other programs' files: constant cell, interval, unwrapped positions."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec
from trajcast.io.frames import Frames, Reading, agreed_interval, constant_cell
from trajcast.io.readers.unwrap import unwrap


def assembled(
    path: Path,
    spec: SystemSpec,
    *,
    positions: NDArray,
    velocities: NDArray,
    cells: NDArray,
    interval_fs: float | None,
    reading: Reading,
    energies: NDArray | None = None,
    wrapped: bool = True,
) -> Frames:
    """Build `Frames` from the arrays of a file, unwrapping positions if they are `wrapped`.

    Raises:
        UserError: If the cell changes, the interval is unknown, or positions cannot be unwrapped.
    """
    constant_cell(path, cells, spec.pbc)
    return Frames(
        path=path,
        spec=spec,
        interval_fs=agreed_interval(path, interval_fs, reading.interval_fs),
        positions=unwrap(path, positions, spec.cell, spec.pbc) if wrapped else positions,
        velocities=velocities,
        energies=energies,
    )
