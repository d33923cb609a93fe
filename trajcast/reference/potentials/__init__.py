"""Machine-learned potentials and quantum chemistry, one plug-in per family.

Each file provides `MODELS` (name in the configuration → name in the library), `PACKAGE` (how to install it), `DEVICES`
(supported devices), `ENVIRONMENT` (the file in envs/ that contains it), `OWN_FILES` (whether the user's own model file
can be given as `family:path`), and `calculator(model, device)` → a new ASE calculator without state from earlier ones.
If the library supports batches, `energies(calculator, structures)` → potential energies (eV) of many structures.
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
    """A new calculator on `device` (auto, cpu or cuda); UserError with the reason if it cannot be created."""
    name = named(potential)
    if name.file is not None and not Path(name.file).is_file():
        raise UserError(f"{KEY}: {name.file}: no such file; give its path from the folder you start from")
    target = _usable(name.family, potential, device)
    try:
        made: BaseCalculator = name.family.calculator(name.model, target)
    except ImportError as error:
        raise UserError(
            f"{KEY}: {potential} cannot be loaded ({error}); install it with: {name.family.PACKAGE}"
        ) from None
    except Exception as error:  # any failure to find, download or load the weights
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{KEY}: {potential} cannot be loaded: {message}") from None
    return made


def energies(potential: str) -> Callable[[BaseCalculator, list[Atoms]], list[float]] | None:
    """Function for the energies (eV) of a batch of structures from the potential's calculator; None if unsupported."""
    return getattr(named(potential).family, "energies", None)


def device_name(potential: str, device: str) -> str:
    """`cpu`, or the name of the GPU on which a potential runs."""
    import torch

    target = _usable(named(potential).family, potential, device)
    return target if target == "cpu" else torch.cuda.get_device_name()


def _usable(family: ModuleType, potential: str, device: str) -> str:
    """PyTorch's name of the device; UserError if it is missing or the potential does not support it."""
    from trajcast.core.device import named_device

    if family.DEVICES == ("cpu",) and device == "auto":
        return "cpu"
    target = named_device(device)
    if target not in family.DEVICES:
        raise UserError(f"reference.device: {potential} runs on {', '.join(family.DEVICES)} only; change {device}")
    if target == "cuda" and named_device("auto") != "cuda":
        raise UserError("reference.device: PyTorch finds no GPU here; write auto or cpu in place of cuda")
    return target
