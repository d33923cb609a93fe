"""Potentials learned from quantum chemistry, or quantum chemistry itself: one file for each family.

Each file has `MODELS` (names in a configuration → what the library calls them), `PACKAGE` (what to install), `DEVICES`
(where it computes), `ENVIRONMENT` (the file of envs/ that has it), `OWN_FILES` (whether it takes `family:path`, a file
of one's own), and `calculator(model, device)` → a new ASE calculator, which remembers nothing of others. Where the
library computes many structures at once, `energies(calculator, structures)` → their potential energies (eV).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from trajcast.config.potential_names import KEY, named
from trajcast.core.errors import UserError

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator


def calculator(potential: str, device: str) -> BaseCalculator:
    """A new calculator on `device` (auto, cpu or cuda); UserError where it cannot be made, with the reason."""
    found = named(potential)
    if found.file is not None and not Path(found.file).is_file():
        raise UserError(f"{KEY}: {found.file}: no such file; give its path from the folder you start from")
    where = _usable(found.family, potential, device)
    try:
        made: BaseCalculator = found.family.calculator(found.model, where)
    except ImportError as error:
        raise UserError(
            f"{KEY}: {potential} cannot be loaded ({error}); install it with: {found.family.PACKAGE}"
        ) from None
    except Exception as error:  # whatever the library finds wrong with its weights, or with the way to them
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{KEY}: {potential} cannot be loaded: {message}") from None
    return made


def energies(potential: str) -> Callable[[BaseCalculator, list[Atoms]], list[float]] | None:
    """What gives the energies (eV) of a batch of structures, with the potential's calculator; None without such."""
    return getattr(named(potential).family, "energies", None)


def device_name(potential: str, device: str) -> str:
    """`cpu`, or the name of the GPU that a potential computes on."""
    import torch

    where = _usable(named(potential).family, potential, device)
    return where if where == "cpu" else torch.cuda.get_device_name()


def _usable(family: ModuleType, potential: str, device: str) -> str:
    """The device by its name for PyTorch; UserError where it is not there or of no use to the potential."""
    from trajcast.core.device import named_device

    if family.DEVICES == ("cpu",) and device == "auto":
        return "cpu"
    where = named_device(device)
    if where not in family.DEVICES:
        raise UserError(f"reference.device: {potential} runs on {', '.join(family.DEVICES)} only; change {device}")
    if where == "cuda" and named_device("auto") != "cuda":
        raise UserError("reference.device: PyTorch finds no GPU here; write auto or cpu in place of cuda")
    return where
