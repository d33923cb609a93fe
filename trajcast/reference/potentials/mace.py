"""MACE. Batatia et al. 2022, arXiv:2206.07697; foundation models: Batatia et al. 2023, arXiv:2401.00096.

The package downloads the weights once and caches them. It needs e3nn 0.4.4, with which TrajCast's network does not run,
and therefore a separate environment without the network's libraries.
"""

from __future__ import annotations

from pathlib import Path

from ase.calculators.calculator import Calculator

MODELS = {
    "mace-mp-0": "mp medium",
    "mace-mp-0b3": "mp medium-0b3",
    "mace-mpa-0": "mp medium-mpa-0",
    "mace-omat-0": "mp medium-omat-0",
    "mace-off23-small": "off small",
    "mace-off23": "off medium",
}
PACKAGE = "pip install mace-torch, in a separate environment (docs/potentials.md)"
DEVICES = ("cpu", "cuda")
ENVIRONMENT = "mace"
OWN_FILES = True


def calculator(model: str, device: str) -> Calculator:
    """A new calculator in double precision, as the energy drifts in single precision."""
    from mace.calculators import MACECalculator, mace_mp, mace_off

    if Path(model).is_file():
        return MACECalculator(model_paths=model, device=device, default_dtype="float64")
    collection, size = model.split()
    load = mace_mp if collection == "mp" else mace_off
    return load(model=size, device=device, default_dtype="float64")
