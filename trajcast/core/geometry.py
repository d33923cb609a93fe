"""Supercells of periodic systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec


def replicate(spec: SystemSpec, positions: torch.Tensor, copies: Sequence[int]) -> tuple[SystemSpec, torch.Tensor]:
    """Build a supercell of `copies` of the cell along its three lattice vectors; atoms are ordered copy by copy.

    Args:
        positions: In Å, of shape (atoms, 3).

    Raises:
        UserError: If `copies` repeats a direction that is not periodic.
    """
    for direction, (n, periodic) in enumerate(zip(copies, spec.pbc, strict=True)):
        if n > 1 and not periodic:
            raise UserError(f"supercell {list(copies)}: direction {direction + 1} is not periodic; put 1 there")
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in copies], indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = torch.as_tensor(grid @ spec.cell, dtype=positions.dtype)
    n = len(grid)
    molecules = spec.molecules
    if molecules is not None:
        per_cell = int(molecules.max()) + 1
        molecules = np.concatenate([molecules + k * per_cell for k in range(n)])
    supercell = replace(
        spec,
        numbers=np.tile(spec.numbers, n),
        masses=np.tile(spec.masses, n),
        cell=spec.cell * np.asarray(copies, dtype=np.float64)[:, None],
        molecules=molecules,
    )
    return supercell, (positions + shifts[:, None]).reshape(-1, 3)
