"""One self-contained HTML page with all figures and tables that were drawn, including the published numbers."""

from __future__ import annotations

import base64
import csv
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajcast.core.errors import UserError
from trajcast.core.version import __version__
from trajcast.figures.numbers import MISSING, measured, number_of, plain
from trajcast.figures.page import FOLDER, DrawnFigure, template
from trajcast.figures.paper import figures
from trajcast.figures.table import Cell, Table, text_cell
from trajcast.io.files import write_text

ERROR_OF = "± "  # prefix of a column with the standard errors of the preceding column


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A figure or a table, ready for the template."""

    name: str
    label: str
    drawn: DrawnFigure | None
    table: Table | None


def write_page(sources: dict[str, list[str]], output: Path) -> None:
    """Write the page to `output` atomically; PNG and CSV files must lie beside the JSON files of `sources`."""
    page = template("paper.html", Path(__file__).parent, FOLDER).render(
        version=__version__,
        shown=[_shown(name, Path(path)) for name, (path,) in sorted(sources.items())],
        missing=[_label(name) for name in figures() if name not in sources],
    )
    write_text(output, page)


def _label(name: str) -> str:
    """fig2 → Figure 2, tableS1 → Table S1."""
    return name.replace("fig", "Figure ").replace("table", "Table ")


def _shown(name: str, path: Path) -> Shown:
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; make it with `trajcast paper {name}`") from None
    label = _label(name)
    if not about["figure"]:
        return Shown(name=name, label=label, drawn=None, table=_table(f"{label}. {about['title']}", about, path))
    png = base64.b64encode(path.with_suffix(".png").read_bytes()).decode()
    drawn = DrawnFigure(
        title=f"{label}. {about['title']}",
        alt=f"{about['title']}. {about['caption']}",
        caption=about["caption"],
        source=f"data:image/png;base64,{png}",
        notes=about["notes"],
    )
    return Shown(name=name, label=label, drawn=drawn, table=None)


def _table(title: str, about: dict[str, Any], path: Path) -> Table:
    """The CSV file as a table with rows grouped by the first column and errors joined to their values."""
    with open(path.with_suffix(".csv"), encoding="utf-8", newline="") as handle:
        columns, *rows = csv.reader(handle)
    kept = [i for i, column in enumerate(columns) if i and not column.startswith(ERROR_OF)]
    groups = [
        (heading, [[_cell(columns, row, i) for i in kept] for row in group])
        for heading, group in itertools.groupby(rows, key=lambda row: row[0])
    ]
    return Table(
        title=title,
        caption=about["caption"],
        columns=[columns[i] for i in kept],
        groups=groups,
        notes=about["notes"],
    )


def _cell(columns: list[str], row: list[str], place: int) -> Cell:
    value = row[place]
    if not value:
        return Cell(text=MISSING)
    if value.isdigit():
        return Cell(text=number_of(int(value)))
    try:
        number = float(value)
    except ValueError:
        return text_cell(value)
    has_error = place + 1 < len(columns) and columns[place + 1].startswith(ERROR_OF) and row[place + 1]
    return Cell(text=measured(number, float(row[place + 1])) if has_error else plain(number))
