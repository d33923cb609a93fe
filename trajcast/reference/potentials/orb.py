"""Orb v3. Rhodes et al. 2025, arXiv:2504.06231. The package downloads the weights once and caches them.

Only models with conservative forces are offered: the others do not conserve energy.
"""

from __future__ import annotations

from ase.calculators.calculator import Calculator

MODELS = {
    name: name
    for name in (
        "orb-v3-conservative-inf-omat",
        "orb-v3-conservative-20-omat",
        "orb-v3-conservative-inf-mpa",
        "orb-v3-conservative-20-mpa",
    )
}
PACKAGE = 'pip install "trajcast[orb]"'
DEVICES = ("cpu", "cuda")
ENVIRONMENT = "orb"
OWN_FILES = False


def calculator(model: str, device: str) -> Calculator:
    """A new calculator in the highest available precision: float64 on CPUs and GPUs alike."""
    from orb_models.forcefield.calculator import ORBCalculator
    from orb_models.forcefield.pretrained import ORB_PRETRAINED_MODELS

    return ORBCalculator(ORB_PRETRAINED_MODELS[model](device=device, precision="float64"), device=device)
