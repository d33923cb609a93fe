"""Shared by all HTML pages: templates and figures in the form that templates need."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from matplotlib.figure import Figure

from trajcast.figures.style import svg
from trajcast.figures.table import Table

FOLDER = Path(__file__).parent  # of the shared templates


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """A figure, ready for a template."""

    title: str
    alt: str
    caption: str
    source: str  # data: URI
    notes: list[str] = field(default_factory=list)  # reasons for missing data
    methods: list[str] = field(default_factory=list)  # how the data were computed
    numbers: Table | None = None


def template(name: str, *folders: Path) -> jinja2.Template:
    """Load a template; it may include templates from all `folders`, and an undefined name in it is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


def data_uri(figure: Figure) -> str:
    """The figure as an SVG image in a data: URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()
