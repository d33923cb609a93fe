"""The user's own PyTorch model, as written by `torch.export.save`: weights and program in one file.

It is called with numbers (atoms), centers and neighbors (pairs), and vectors (pairs, 3; Å, float64) from each atom to
all its neighbours within a cutoff, and returns the total energy (eV), without a batch dimension. Forces and stress are
derivatives of the energy with respect to the vectors. The file stores the cutoff: `extra_files={"cutoff_A": "6.0"}`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.system_spec import SystemSpec

MODELS: dict[str, str] = {}
PACKAGE = 'pip install "trajcast"'
DEVICES = ("cpu", "cuda")
ENVIRONMENT = "mlip"
OWN_FILES = True


def calculator(model: str, device: str) -> Calculator:
    """A new calculator; UserError if the file contains no cutoff."""
    return ExportedModel(model, device)


class ExportedModel(Calculator):
    """Energy of an exported model; forces and stress by automatic differentiation."""

    def __init__(self, path: str, device: str):
        super().__init__()
        self.implemented_properties = ["energy", "free_energy", "forces", "stress"]
        from torch.export.passes import move_to_device_pass

        extra = {"cutoff_A": ""}
        program = torch.export.load(path, extra_files=extra)
        try:
            self.cutoff_A = float(extra["cutoff_A"])
        except ValueError:
            raise UserError(
                f"{path}: contains no cutoff (cutoff_A is {extra['cutoff_A']!r}); save it with torch.export.save("
                'program, path, extra_files={"cutoff_A": "6.0"})'
            ) from None
        self.device = torch.device(device)
        self._module = move_to_device_pass(program, device).module()

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: Any = tuple(all_changes)
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        assert atoms is not None
        spec = SystemSpec(
            numbers=atoms.numbers.astype(np.int64),
            masses=atoms.get_masses(),
            cell=atoms.cell.array if atoms.pbc.any() else np.zeros((3, 3)),
            pbc=atoms.pbc,
        )
        state = spec.state(atoms.positions, np.zeros_like(atoms.positions)).to(device=self.device)
        neighbors = find_neighbors(state, self.cutoff_A)
        vectors = neighbors.vectors.detach().requires_grad_()
        numbers = torch.as_tensor(spec.numbers, device=self.device)
        energy = self._module(numbers, neighbors.atoms, neighbors.index, vectors)
        (gradients,) = torch.autograd.grad(energy, vectors)
        forces = torch.zeros_like(state.positions)
        forces.index_add_(0, neighbors.atoms, gradients).index_add_(0, neighbors.index, -gradients)
        self.results = {"energy": float(energy), "free_energy": float(energy), "forces": forces.cpu().numpy()}
        if atoms.pbc.all():
            virial = (vectors.detach().T @ gradients).cpu().numpy()
            self.results["stress"] = full_3x3_to_voigt_6_stress((virial + virial.T) / 2 / atoms.get_volume())
