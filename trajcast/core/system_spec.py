"""The constant part of a trajectory: atoms and cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.core.state import State, single_system


@dataclass(frozen=True, kw_only=True)
class SystemSpec:
    """Elements, masses, cell and boundary conditions of one system, constant along a trajectory."""

    numbers: NDArray[np.int64]  # atomic numbers
    masses: NDArray[np.float64]  # u
    cell: NDArray[np.float64]  # (3, 3) Å, rows are lattice vectors; zero without periodic directions
    pbc: NDArray[np.bool_]  # (3,)
    molecules: NDArray[np.int64] | None = None  # index of each atom's molecule; None if unknown

    @property
    def n_atoms(self) -> int:
        return len(self.numbers)

    def state(self, positions: NDArray, velocities: NDArray, dtype: torch.dtype = torch.float64) -> State:
        """The `State` with these positions (Å) and velocities (Å/fs)."""
        return single_system(
            positions=torch.as_tensor(np.asarray(positions), dtype=dtype),
            velocities=torch.as_tensor(np.asarray(velocities), dtype=dtype),
            masses=torch.as_tensor(self.masses, dtype=dtype),
            numbers=torch.as_tensor(self.numbers),
            cell=torch.as_tensor(self.cell, dtype=dtype),
            pbc=torch.as_tensor(self.pbc),
        )


def spec_of(state: State, molecules: NDArray[np.int64] | None = None) -> SystemSpec:
    """Extract the `SystemSpec` from a state of one system.

    Raises:
        ValueError: If the state holds more than one system.
    """
    if state.n_systems != 1:
        raise ValueError(f"a trajectory holds one system, the state has {state.n_systems}")
    return SystemSpec(
        numbers=state.numbers.cpu().numpy().astype(np.int64),
        masses=state.masses.cpu().numpy().astype(np.float64),
        cell=state.cell[0].cpu().numpy().astype(np.float64),
        pbc=state.pbc[0].cpu().numpy(),
        molecules=molecules,
    )
