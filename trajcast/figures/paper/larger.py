"""Systems of the paper's kinds other than the first of each kind: larger cells, without training data of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trajcast.figures.paper import KINDS, system_of_kind
from trajcast.io import layout
from trajcast.io.layout import at

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan


def larger_systems(plan: Plan) -> list[str]:
    """Names of the configured systems other than the first of each kind."""
    first = {system_of_kind(plan, kind) for kind in KINDS}
    return [name for name in plan.systems if plan.system(name).reference.system in KINDS and name not in first]


def larger_sources(plan: Plan) -> dict[str, list[str]]:
    """Summary and outcome of every rollout of these systems, by "system, run"."""
    return {
        f"{system}, {run}": [
            at(layout.SUMMARY, system=system, run=run),
            at(layout.OUTCOME, system=system, run=run),
        ]
        for system in larger_systems(plan)
        for run in plan.runs(system)
    }
