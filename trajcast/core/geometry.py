"""Copies of a periodic system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec


def replicate(spec: SystemSpec, positions: torch.Tensor, copies: Sequence[int]) -> tuple[SystemSpec, torch.Tensor]:
    """Topology and positions (atoms, 3) Å of `copies` of the cell along its three vectors, one copy after the other.

    Raises UserError when a direction without periodicity is to be repeated.
    """
    for direction, (n, pbc) in enumerate(zip(copies, spec.pbc, strict=True)):
        if n > 1 and not pbc:
            raise UserError(f"supercell {list(copies)}: direction {direction + 1} is not periodic; put 1 there")
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in copies], indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = torch.as_tensor(grid @ spec.cell, dtype=positions.dtype)
    n = len(grid)
    molecules = spec.molecules
    if molecules is not None:
        per_cell = int(molecules.max()) + 1
        molecules = np.concatenate([molecules + k * per_cell for k in range(n)])
    bigger = replace(
        spec,
        numbers=np.tile(spec.numbers, n),
        masses=np.tile(spec.masses, n),
        cell=spec.cell * np.asarray(copies, dtype=np.float64)[:, None],
        molecules=molecules,
    )
    return bigger, (positions + shifts[:, None]).reshape(-1, 3)
