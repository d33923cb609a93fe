"""A file's name is its name in the configuration: `trajcast/systems/liquid.py` is `system: liquid`."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from trajcast.errors import UserError


def named_module(package: str, name: str) -> ModuleType:
    """The module `name` of `trajcast.<package>`; UserError that lists the alternatives where there is none."""
    folder = importlib.import_module(f"trajcast.{package}")
    names = sorted(m.name for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_"))
    if name not in names:
        raise UserError(f"{package}: no {name!r} there; choose one of: {', '.join(names)}")
    return importlib.import_module(f"trajcast.{package}.{name}")
