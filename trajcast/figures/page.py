"""What the pages share: their templates, and figures as these need them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from matplotlib.figure import Figure

from trajcast.figures.style import svg
from trajcast.figures.table import Table

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """A figure as the template needs it."""

    title: str
    alt: str
    caption: str
    source: str  # data: URI
    notes: list[str] = field(default_factory=list)  # why something is missing
    methods: list[str] = field(default_factory=list)  # how it was computed
    numbers: Table | None = None


def template(name: str, *folders: Path) -> jinja2.Template:
    """A page's template, and what it includes, from these folders; every name in it must be given."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


def data_uri(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()
