"""SevenNet. Park, Kim, Hwang & Han 2024, doi:10.1021/acs.jctc.4c00190.

The package includes the weights of SevenNet-0, l3i5 and MF-0 and downloads those of the others once.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import torch
from ase import Atoms
from ase.calculators.calculator import Calculator

MODELS = {
    "sevennet-0": "7net-0",
    "sevennet-l3i5": "7net-l3i5",
    "sevennet-mf-0": "7net-mf-0",
    "sevennet-omat": "7net-omat",
    "sevennet-mf-ompa": "7net-mf-ompa",
}
PARTS = {"7net-mf-0": "PBE", "7net-mf-ompa": "mpa"}  # of models trained on several levels of theory
PACKAGE = 'pip install "trajcast[sevennet]"'
DEVICES = ("cpu", "cuda")
ENVIRONMENT = "mlip"
OWN_FILES = True


def calculator(model: str, device: str) -> Calculator:
    """A new calculator; the weights are loaded once per process."""
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator(_network(model), file_type="model_instance", device=device, modal=PARTS.get(model))


def energies(calculator: Any, structures: list[Atoms]) -> list[float]:
    """Potential energies (eV) of one batch, without the forces."""
    import sevenn._keys as keys
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from torch_geometric.loader.dataloader import Collater

    graphs = [AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(s, calculator.cutoff)) for s in structures]
    if calculator.modal is not None:
        for graph in graphs:
            graph[keys.DATA_MODALITY] = calculator.modal
    network = deepcopy(calculator.model)
    network.delete_module_by_key("force_output")
    network.set_is_batch_data(True)
    with torch.no_grad():
        batch = network(Collater([])(graphs).to(calculator.device))
    total_energies: list[float] = batch[keys.PRED_TOTAL_ENERGY].tolist()
    return total_energies


@cache
def _network(model: str) -> Any:
    from sevenn.util import load_checkpoint

    return load_checkpoint(model).build_model()
