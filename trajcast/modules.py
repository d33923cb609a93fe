"""A file's name is its name in the configuration: `trajcast/systems/liquid.py` is `system: liquid`."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from trajcast.errors import UserError


def check_name(package: str, name: str, key: str) -> None:
    """UserError that lists the alternatives where `trajcast.<package>` has no module `name`; nothing is imported."""
    folder = Path(__file__).parent.joinpath(*package.split("."))
    names = sorted(path.stem for path in folder.glob("*.py") if not path.name.startswith("_"))
    if name not in names:
        raise UserError(f"{key}: no {name!r} there; choose one of: {', '.join(names)}")


def named_module(package: str, name: str) -> ModuleType:
    """The module `name` of `trajcast.<package>`; UserError that lists the alternatives where there is none."""
    check_name(package, name, package)
    return importlib.import_module(f"trajcast.{package}.{name}")
