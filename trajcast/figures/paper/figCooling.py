"""Cooling study: diffusion, order and structure along a temperature ramp outside the training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trajcast.io import layout
from trajcast.io.layout import at

if TYPE_CHECKING:
    from trajcast.figures.drawing import Drawing
    from trajcast.pipeline.plan import Plan


def sources(plan: Plan) -> dict[str, list[str]]:
    """Windows of the first system with a cooling study."""
    cooled = [name for name in plan.systems if plan.system(name).studies.cooling]
    return {"windows": [at(layout.WINDOWS, system=cooled[0])]} if cooled else {}


def draw(sources: dict[str, list[str]]) -> Drawing:
    """The same figure as in the results folder of the system."""
    from trajcast.figures.cooling import figure  # needs PyTorch, unlike `sources`

    [windows] = sources["windows"]
    return figure.draw(windows)
