"""Figures and tables as data, and their files: PDF, PNG, CSV, and JSON with title, caption and notes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from trajcast.io.files import atomic_write, write_json

PIXELS_PER_INCH = 300
Value = str | float | int | None


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure with its data, or a table (no figure)."""

    title: str
    caption: str
    columns: list[str]
    rows: Sequence[Sequence[Value]]  # None: unknown
    figure: Figure | None = None
    notes: list[str] = field(default_factory=list)  # reasons for missing data, and other remarks


FIGURE_COLUMNS = ["panel", "series", "x", "x2", "value", "standard error"]
"""Columns of every figure's data; x2 is the second variable of a surface, otherwise empty."""


def save(drawing: Drawing, stem: Path) -> None:
    """Write STEM.csv and STEM.json, and for a figure STEM.pdf and STEM.png, each atomically."""
    if drawing.figure is not None:
        for suffix, metadata in ((".pdf", {"CreationDate": None, "Creator": "trajcast"}), (".png", {"Software": None})):
            with atomic_write(_with(stem, suffix)) as temporary:
                drawing.figure.savefig(temporary, format=suffix[1:], metadata=metadata, dpi=PIXELS_PER_INCH)
    with atomic_write(_with(stem, ".csv")) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(drawing.columns)
        table.writerows(["" if value is None else value for value in row] for row in drawing.rows)
    about = {"title": drawing.title, "caption": drawing.caption, "notes": drawing.notes}
    write_json(_with(stem, ".json"), about | {"figure": drawing.figure is not None})


def _with(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)
