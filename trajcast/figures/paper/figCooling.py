"""The cooling study, outside of the training data: diffusion, order and structure along the ramp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trajcast.io import layout
from trajcast.io.layout import at

if TYPE_CHECKING:
    from trajcast.figures.drawing import Drawing
    from trajcast.pipeline.plan import Plan


def sources(plan: Plan) -> dict[str, list[str]]:
    """The windows of the first system whose cooling is asked for."""
    cooled = [name for name in plan.systems if plan.system(name).studies.cooling]
    return {"windows": [at(layout.WINDOWS, system=cooled[0])]} if cooled else {}


def draw(sources: dict[str, list[str]]) -> Drawing:
    """As in the system's folder."""
    from trajcast.figures.cooling import figure  # needs PyTorch, which asking for the sources does not

    [windows] = sources["windows"]
    return figure.draw(windows)
