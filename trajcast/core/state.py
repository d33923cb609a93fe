"""The state of one or many systems at one instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Positions and velocities of all atoms of one or many systems; immutable.

    The atoms of a system are contiguous; `system_idx` holds the index of each atom's system. A system without periodic
    directions has a zero cell.
    """

    positions: Float[Tensor, "atoms 3"]  # Å, unwrapped
    velocities: Float[Tensor, "atoms 3"]  # Å/fs
    masses: Float[Tensor, " atoms"]  # u
    numbers: Int[Tensor, " atoms"]  # atomic numbers
    cell: Float[Tensor, "systems 3 3"]  # Å, rows are lattice vectors
    pbc: Bool[Tensor, "systems 3"]
    system_idx: Int[Tensor, " atoms"]

    @property
    def n_atoms(self) -> int:
        return len(self.positions)

    @property
    def n_systems(self) -> int:
        return len(self.cell)

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> State:
        """Convert floating-point tensors to `dtype` and move all tensors to `device`."""
        changed = {}
        for field in fields(self):
            tensor = getattr(self, field.name)
            changed[field.name] = tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)
        return replace(self, **changed)


def single_system(
    *,
    positions: Float[Tensor, "atoms 3"],
    velocities: Float[Tensor, "atoms 3"],
    masses: Float[Tensor, " atoms"],
    numbers: Int[Tensor, " atoms"],
    cell: Float[Tensor, "3 3"],
    pbc: Bool[Tensor, " 3"],
) -> State:
    """Build the state of one system from tensors without a system axis (units as in `State`)."""
    return State(
        positions=positions,
        velocities=velocities,
        masses=masses,
        numbers=numbers,
        cell=cell[None],
        pbc=pbc[None],
        system_idx=torch.zeros(len(positions), dtype=torch.long, device=positions.device),
    )


def join(states: Sequence[State]) -> State:
    """Concatenate the systems of all `states`, in order."""
    offsets = [0]
    for state in states[:-1]:
        offsets.append(offsets[-1] + state.n_systems)
    joined = {f.name: torch.cat([getattr(s, f.name) for s in states]) for f in fields(State) if f.name != "system_idx"}
    system_idx = torch.cat([s.system_idx + offset for s, offset in zip(states, offsets, strict=True)])
    return State(system_idx=system_idx, **joined)


def system_sum(values: Float[Tensor, "atoms ..."], state: State) -> Float[Tensor, "systems ..."]:
    """Sum of per-atom values over the atoms of each system."""
    zeros = values.new_zeros((state.n_systems, *values.shape[1:]))
    return zeros.index_add(0, state.system_idx, values)
