"""Extended XYZ files of pairs: each frame is a state with its displacements and velocities one horizon later."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trajcast.core.elements import check_atoms, check_masses, symbol
from trajcast.core.errors import UserError
from trajcast.core.state import State, single_system
from trajcast.core.system_spec import spec_of
from trajcast.data.checks import ON_THE_COMMAND_LINE
from trajcast.data.dataset import Pairs
from trajcast.data.limits import check_physics
from trajcast.data.motion import check_motion, element_rms, motion_of, stray_atom, sums
from trajcast.data.neighborhood import average_neighbors, check_neighbors
from trajcast.data.physics import examine
from trajcast.io.path_checks import HDF5
from trajcast.io.readers.ase_file import masses_of, read_images
from trajcast.io.readers.text import check_ended, check_species

log = logging.getLogger(__name__)

ARRAYS = ("velocities", "displacements", "update_velocities")
"""Velocities (Å/fs), and displacements (Å) and new velocities (Å/fs) of the following step."""

Pair = tuple[State, Tensor, Tensor]
"""A state, its displacements (Å) and its new velocities (Å/fs), both (atoms, 3)."""


def read_pairs(path: Path, horizon_fs: float, cutoff_A: float, accept: Sequence[str] = ()) -> list[Pair]:
    """Read and check all frames, which hold `ARRAYS` and `timestep` (fs) as in IBM's trajcast 1.x.

    Args:
        horizon_fs: Horizon that the frames must have; NaN accepts any.
        accept: Names of the checks that may fail.

    Raises:
        UserError: The file is damaged or lacks an array, the horizon differs, or a check fails.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    with path.open("rb") as handle:
        if handle.read(len(HDF5)) == HDF5:
            raise UserError(f"{path}: is an HDF5 file; give data sets with --dataset, and pairs in extended XYZ here")
    log.info("reading %s", path)
    check_ended(path)
    check_species(path)
    images = read_images(path, format="extxyz")
    if not images:
        raise UserError(f"{path}: contains no frames; give a file of pairs")
    pairs = [_pair(path, atoms, f"{path}: frame {number}", horizon_fs) for number, atoms in enumerate(images)]
    spans = {float(atoms.info.get("timestep", horizon_fs)) for atoms in images}
    if len(spans) > 1:
        raise UserError(
            f"{path}: its frames span {min(spans):g} to {max(spans):g} fs (timestep); give one horizon per file"
        )
    _check(path, pairs, spans.pop(), cutoff_A, accept)
    return pairs


def _check(path: Path, pairs: Sequence[Pair], horizon_fs: float, cutoff_A: float, accept: Sequence[str]) -> None:
    """Apply the checks of a data set to all frames of each system in the file."""
    systems: dict[bytes, list[int]] = {}
    for number, (state, _, _) in enumerate(pairs):
        fixed = (state.numbers, state.masses, state.cell, state.pbc)
        systems.setdefault(b"".join(x.numpy().tobytes() for x in fixed), []).append(number)
    for numbers in systems.values():
        where = f"{path}: frames {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{path}: frame {numbers[0]}"
        together = _joined([pairs[number] for number in numbers], numbers)
        spec = together.spec
        check_atoms(spec.numbers, spec.masses, spec.cell, spec.pbc, where)
        check_masses(spec.numbers, spec.masses, where, accept, ON_THE_COMMAND_LINE.format("masses"))
        if math.isnan(horizon_fs):
            continue
        before, after = together.velocities.astype(np.float64), together.new_velocities.astype(np.float64)
        moved = together.displacements.astype(np.float64)
        if "motion" not in accept and np.any(before) and np.any(moved):
            motion = motion_of(sums(moved, before, after, horizon_fs))
            check_motion(motion, where, horizon_fs)
            for number in np.unique(spec.numbers).tolist():
                atoms = spec.numbers == number
                of_element = motion_of(sums(moved[:, atoms], before[:, atoms], after[:, atoms], horizon_fs))
                check_motion(of_element, f"{where}: {symbol(number)}", horizon_fs)
            if np.array_equal(before, after):
                raise UserError(f"{where}: update_velocities equal velocities; give those one horizon later")
            rms = element_rms(before, spec.numbers)
            if np.all(rms) and (stray := stray_atom(moved, before, after, horizon_fs, motion, rms, spec.numbers)):
                raise UserError(
                    f"{path}: frame {numbers[stray[0]]}: {stray[1]}; displacements must be those of unwrapped positions"
                )
        physics = examine(together, horizon_fs, len(numbers))
        check_physics(physics, where, [str(path)], horizon_fs, accept, ON_THE_COMMAND_LINE)
        if "neighbors" not in accept:
            check_neighbors(average_neighbors(together, cutoff_A), cutoff_A, f"{where}: the model's cutoff")


def _joined(pairs: Sequence[Pair], numbers: Sequence[int]) -> Pairs:
    """Combine pairs of one system into the form of a data set."""
    states, displacements, velocities = zip(*pairs, strict=True)
    return Pairs(
        spec=spec_of(states[0]),
        positions=np.stack([state.positions.numpy() for state in states]),
        velocities=np.stack([state.velocities.numpy() for state in states]),
        displacements=np.stack([x.numpy() for x in displacements]),
        new_velocities=np.stack([x.numpy() for x in velocities]),
        frames=np.array(numbers),
        sources=np.zeros(len(numbers), dtype=np.int64),
    )


def _pair(path: Path, atoms: Any, where: str, horizon_fs: float) -> Pair:
    for name in ARRAYS:
        values = atoms.arrays.get(name)
        if values is None:
            raise UserError(f"{where} has no array {name} (found: {', '.join(atoms.arrays)}); add it")
        if values.shape != (len(atoms), 3) or not np.isfinite(values).all():
            raise UserError(f"{where}: {name} must hold three finite numbers for each atom")
    if not len(atoms) or not np.isfinite(atoms.positions).all():
        raise UserError(f"{where} has no atoms, or a position that is not finite; remove or correct that frame")
    timestep = atoms.info.get("timestep", horizon_fs)
    if not isinstance(timestep, Real) or not (math.isnan(timestep) or float(timestep) > 0):
        raise UserError(
            f"{where}: timestep {str(timestep)!r} is not a time; give it in fs, above zero, or leave it out"
        )
    if not math.isnan(horizon_fs) and not math.isclose(timestep, horizon_fs, rel_tol=1e-6):
        raise UserError(
            f"{where} spans {timestep:g} fs (timestep), but the model's horizon is {horizon_fs:g} fs; give data of "
            "that horizon"
        )
    velocities, displacements, new_velocities = (
        torch.as_tensor(atoms.arrays[name], dtype=torch.float64) for name in ARRAYS
    )
    state = single_system(
        positions=torch.as_tensor(atoms.positions),
        velocities=velocities,
        masses=torch.as_tensor(masses_of(path, atoms)),
        numbers=torch.as_tensor(atoms.numbers),
        cell=torch.as_tensor(np.array(atoms.cell) * atoms.pbc[:, None]),
        pbc=torch.as_tensor(atoms.pbc),
    )
    return state, displacements, new_velocities
