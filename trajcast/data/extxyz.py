"""Extended XYZ files of pairs: each frame is a state and says where its atoms are one horizon later."""

from __future__ import annotations

import logging
import math
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trajcast.errors import UserError
from trajcast.state import State, single_system

log = logging.getLogger(__name__)

ARRAYS = ("velocities", "displacements", "update_velocities")
"""Å/fs; Å and Å/fs of the step that follows."""

Pair = tuple[State, Tensor, Tensor]
"""A state, its displacements (Å) and its new velocities (Å/fs), both (atoms, 3)."""


def read_pairs(path: Path, horizon_fs: float) -> list[Pair]:
    """All frames, with `ARRAYS` and `timestep` (fs) as in the data sets of IBM's trajcast 1.x.

    UserError when the file is damaged or lacks an array, or when its time step is not `horizon_fs` (NaN: any will do).
    """
    import ase.io

    if not path.is_file():
        raise UserError(f"{path}: no such file")
    log.info("reading %s", path)
    try:
        frames: list[Any] = list(ase.io.iread(path, index=":", format="extxyz"))
    except Exception as error:  # its parser raises whatever it stumbles over
        raise UserError(f"{path}: ASE cannot read it ({type(error).__name__}: {error}); is it damaged?") from None
    if not frames:
        raise UserError(f"{path}: no frames in it")
    return [_pair(atoms, f"{path}: frame {number}", horizon_fs) for number, atoms in enumerate(frames)]


def _pair(atoms: Any, where: str, horizon_fs: float) -> Pair:
    for name in ARRAYS:
        values = atoms.arrays.get(name)
        if values is None:
            raise UserError(f"{where} has no array {name} (found: {', '.join(atoms.arrays)})")
        if values.shape != (len(atoms), 3) or not np.isfinite(values).all():
            raise UserError(f"{where}: {name} must hold three finite numbers for each of its atoms")
    if not len(atoms) or not np.isfinite(atoms.positions).all():
        raise UserError(f"{where} has no atoms, or a position that is not finite")
    timestep = atoms.info.get("timestep", horizon_fs)
    if not isinstance(timestep, Real):
        raise UserError(f"{where}: timestep {timestep!r} is no number; give it in fs or leave it out")
    if not math.isnan(horizon_fs) and not math.isclose(timestep, horizon_fs, rel_tol=1e-6):
        raise UserError(
            f"{where} spans {timestep:g} fs (timestep), the model's horizon is {horizon_fs:g} fs; give data of that "
            "horizon"
        )
    velocities, displacements, new_velocities = (
        torch.as_tensor(atoms.arrays[name], dtype=torch.float64) for name in ARRAYS
    )
    state = single_system(
        positions=torch.as_tensor(atoms.positions),
        velocities=velocities,
        masses=torch.as_tensor(atoms.get_masses()),
        numbers=torch.as_tensor(atoms.numbers),
        cell=torch.as_tensor(np.array(atoms.cell) * atoms.pbc[:, None]),
        periodic=torch.as_tensor(atoms.pbc),
    )
    return state, displacements, new_velocities
