"""SevenNet. Park, Kim, Hwang & Han 2024, doi:10.1021/acs.jctc.4c00190.

The weights of SevenNet-0, l3i5 and MF-0 come with the package; those of the others are downloaded once by it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ase.calculators.calculator import Calculator

MODELS = {
    "sevennet-0": "7net-0",
    "sevennet-l3i5": "7net-l3i5",
    "sevennet-mf-0": "7net-mf-0",
    "sevennet-omat": "7net-omat",
    "sevennet-mf-ompa": "7net-mf-ompa",
}
PARTS = {"7net-mf-0": "PBE", "7net-mf-ompa": "mpa"}  # of models that know several levels of theory
PACKAGE = 'pip install "trajcast[sevennet]"'
DEVICES = ("cpu", "cuda")
ENVIRONMENT = "mlip"
OWN_FILES = True


def calculator(model: str, device: str) -> Calculator:
    """A new calculator; one process loads the weights once."""
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator(_network(model), file_type="model_instance", device=device, modal=PARTS.get(model))


@cache
def _network(model: str) -> Any:
    from sevenn.util import load_checkpoint

    return load_checkpoint(model).build_model()
