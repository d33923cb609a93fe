"""The published figures and tables, one module each, drawn from the workflow's results with the published numbers.

A module of this folder whose name begins with `fig` or `table` is drawn by `trajcast paper` and has the functions

    sources(plan: Plan) -> dict[str, list[str]]       result files to read, by role; empty if none
    draw(sources: dict[str, list[str]]) -> Drawing    figure or table of these files

The other modules are shared by them.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

from trajcast.figures.published import SUBSTANCES

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

KINDS = tuple(SUBSTANCES)
"""The paper's systems, by the names of their modules in `trajcast/reference/systems/`."""


def figures() -> dict[str, ModuleType]:
    """Modules of all figures and tables, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names if name.startswith(("fig", "table"))}


def drawable(plan: Plan) -> list[str]:
    """Names of the figures and tables for which the configuration has at least one result."""
    return [name for name, module in figures().items() if any(module.sources(plan).values())]


def system_of_kind(plan: Plan, kind: str) -> str | None:
    """Name of the first configured system of this kind; None if there is none."""
    return next((name for name in plan.systems if plan.system(name).reference.system == kind), None)
