"""A file's name is its name in the configuration: `trajcast/reference/systems/liquid.py` is `system: liquid`."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from trajcast.core.errors import UserError


def plugin_names(package: str) -> list[str]:
    """The names of all modules of `trajcast.<package>`; nothing is imported but the package."""
    found = importlib.util.find_spec(f"trajcast.{package}")
    folders = (found.submodule_search_locations if found else None) or []
    return sorted(p.stem for folder in folders for p in Path(folder).glob("*.py") if not p.name.startswith("_"))


def check_name(package: str, name: str, key: str) -> None:
    """UserError that lists the alternatives where `trajcast.<package>` has no module `name`; nothing is imported."""
    names = plugin_names(package)
    if name not in names:
        raise UserError(f"{key}: {name!r} is not known; choose one of: {', '.join(names)}")


def named_module(package: str, name: str) -> ModuleType:
    """The module `name` of `trajcast.<package>`; UserError that lists the alternatives where there is none."""
    check_name(package, name, package)
    return importlib.import_module(f"trajcast.{package}.{name}")


def plugins(package: str) -> dict[str, ModuleType]:
    """Every module of `trajcast.<package>` by its name, imported; those whose name begins with _ are shared parts."""
    return {name: importlib.import_module(f"trajcast.{package}.{name}") for name in plugin_names(package)}
