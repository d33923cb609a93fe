"""CHGNet. Deng et al. 2023, doi:10.1038/s42256-023-00716-3. The package includes the weights; crystals only."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator

MODELS = {"chgnet": "0.3.0", "chgnet-r2scan": "r2scan"}
PACKAGE = 'pip install "trajcast[chgnet]"'
DEVICES = ("cpu", "cuda")
ENVIRONMENT = "mlip"
OWN_FILES = False


def calculator(model: str, device: str) -> Calculator:
    """A new calculator; the weights are loaded once per process."""
    with contextlib.redirect_stdout(io.StringIO()):  # CHGNet prints its device each time
        from chgnet.model.dynamics import CHGNetCalculator

        return CHGNetCalculator(model=_network(model, device), use_device=device)


def energies(calculator: Any, structures: list[Atoms]) -> list[float]:
    """Potential energies (eV) of one batch, without the forces."""
    from pymatgen.io.ase import AseAtomsAdaptor

    graphs = [calculator.model.graph_converter(AseAtomsAdaptor.get_structure(atoms)) for atoms in structures]
    predictions = calculator.model.predict_graph(graphs, task="e", batch_size=len(graphs))
    per_atom = [predictions] if len(graphs) == 1 else predictions
    return [float(one["e"]) * len(atoms) for one, atoms in zip(per_atom, structures, strict=True)]


@cache
def _network(model: str, device: str) -> Any:
    from chgnet.model.model import CHGNet

    return CHGNet.load(model_name=model, use_device=device, verbose=False)
