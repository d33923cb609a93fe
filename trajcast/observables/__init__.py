"""Observables: one file each, measured on reference MD and rollouts alike.

A module of this folder with a function

    measure(selection: Selection, context: Context) -> Result

is an observable and is run by `trajcast observe`; the other modules are what they share. `measure` never fails for a
short or empty trajectory: it returns empty curves and says why in `note`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType

from trajcast.config.schema import ObservableSettings, ReferenceSettings


@dataclass(frozen=True, kw_only=True)
class Context:
    """What `measure` is given beside the frames."""

    settings: ObservableSettings
    reference: ReferenceSettings  # of the reference MD, whose potential gives the energies of rollout frames


def observables() -> dict[str, ModuleType]:
    """Every observable of this folder, by its module's name."""
    modules = {m.name: importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)}
    return {name: module for name, module in sorted(modules.items()) if hasattr(module, "measure")}
