"""Observables: one module each, measured in the same way on reference MD and rollouts.

A module of this folder with a function

    measure(selection: Selection, context: Context) -> Result

is an observable, which `trajcast observe` runs; the other modules are shared code. `measure` never fails for a short
or empty trajectory: it returns empty curves and gives the reason in `note`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType

from trajcast.config.schema import ObservableSettings, ReferenceSettings


@dataclass(frozen=True, kw_only=True)
class Context:
    """Settings for `measure`."""

    settings: ObservableSettings
    reference: ReferenceSettings  # of the reference MD; its potential is evaluated on rollout frames, too


def observables() -> dict[str, ModuleType]:
    """All observables of this folder, by module name."""
    modules = {m.name: importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)}
    return {name: module for name, module in sorted(modules.items()) if hasattr(module, "measure")}
