"""Tight-binding quantum chemistry with tblite: GFN2-xTB and related methods.

Bannwarth, Ehlert & Grimme 2019, doi:10.1021/acs.jctc.8b01176.
"""

from __future__ import annotations

from ase.calculators.calculator import Calculator

MODELS = {"gfn2-xtb": "GFN2-xTB", "gfn1-xtb": "GFN1-xTB", "ipea1-xtb": "IPEA1-xTB"}
PACKAGE = 'pip install "trajcast[tblite]"'
DEVICES = ("cpu",)
ENVIRONMENT = "mlip"
OWN_FILES = False


def calculator(model: str, device: str) -> Calculator:
    """A new calculator for neutral closed-shell molecules and crystals."""
    from tblite.ase import TBLite

    return TBLite(method=model, verbosity=0)
