"""Plug-in modules, selected in the configuration by file name: `system: liquid` is `reference/systems/liquid.py`."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from trajcast.core.errors import UserError


def plugin_names(package: str) -> list[str]:
    """Names of all plug-ins in `trajcast.<package>`; imports only parent packages, not the plug-ins."""
    spec = importlib.util.find_spec(f"trajcast.{package}")
    folders = (spec.submodule_search_locations if spec else None) or []
    return sorted(p.stem for folder in folders for p in Path(folder).glob("*.py") if not p.name.startswith("_"))


def check_name(package: str, name: str, key: str) -> None:
    """Check that `trajcast.<package>` has a plug-in `name`, without importing it.

    Args:
        key: Beginning of the error message: the configuration key.

    Raises:
        UserError: If it has none; the message lists the alternatives.
    """
    names = plugin_names(package)
    if name not in names:
        raise UserError(f"{key}: {name!r} is not known; choose one of: {', '.join(names)}")


def named_module(package: str, name: str) -> ModuleType:
    """Import the plug-in `name` of `trajcast.<package>`.

    Raises:
        UserError: If there is no such plug-in; the message lists the alternatives.
    """
    check_name(package, name, package)
    return importlib.import_module(f"trajcast.{package}.{name}")


def plugins(package: str) -> dict[str, ModuleType]:
    """Import all plug-ins of `trajcast.<package>`, by name; modules whose names begin with _ are shared code."""
    return {name: importlib.import_module(f"trajcast.{package}.{name}") for name in plugin_names(package)}
