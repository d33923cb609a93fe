"""The published figures and tables, one file each, drawn from the workflow's results beside the published numbers.

A module of this folder whose name begins with `fig` or `table` has the functions

    sources(plan: Plan) -> dict[str, list[str]]       the result files that it reads, by their role; empty: none
    draw(sources: dict[str, list[str]]) -> Drawing    the same files, drawn

and is made by `trajcast paper`; the other modules are what they share.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

KINDS = ("molecule", "crystal", "liquid")
"""The paper's systems by the names of their files in `trajcast/reference/systems/`."""


def figures() -> dict[str, ModuleType]:
    """Every figure and table of this folder, by its module's name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names if name.startswith(("fig", "table"))}


def drawable(plan: Plan) -> list[str]:
    """Names of the figures and tables that at least one of the configured results belongs to."""
    return [name for name, module in figures().items() if any(module.sources(plan).values())]


def system_of_kind(plan: Plan, kind: str) -> str | None:
    """The first configured system of one of the paper's kinds."""
    return next((name for name in plan.systems if plan.system(name).reference.system == kind), None)
