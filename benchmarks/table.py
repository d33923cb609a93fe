"""Benchmark tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.cases import CASES
from benchmarks.measure import Cell

COLUMNS = (
    ("case", 12),
    ("backend", 22),
    ("ms/step", 9),
    ("× e3nn", 7),
    ("ns/day", 8),
    ("samples/s", 9),
    ("atoms·steps/s", 13),
    ("peak MB", 8),
    ("/ e3nn", 6),
    ("process MB", 10),
    ("first s", 7),
    ("cached s", 8),
    ("steps", 5),
)


def header() -> str:
    """The header of the table."""
    return _line([name for name, _ in COLUMNS])


def row(cell: Cell, reference: Cell | None) -> str:
    """The row of one cell; `reference` is the cell of the `e3nn` backend, if measured."""
    name = cell.backend if cell.backend == cell.chosen else f"{cell.backend} ({cell.chosen})"
    return _line(
        [
            cell.case,
            name,
            _short(cell.ms_per_step),
            _short(reference.ms_per_step / cell.ms_per_step if reference else None),
            _short(cell.ns_per_day),
            _short(cell.samples_per_s),
            _short(cell.atom_steps_per_s),
            f"{cell.peak_mb:.0f}",
            _short(cell.peak_mb / reference.peak_mb if reference and reference.peak_mb >= 1 else None),
            f"{cell.process_mb:.0f}",
            _short(cell.first_step_s),
            _short(cell.first_step_cached_s),
            str(cell.steps),
        ]
    )


def label(case: str, backend: str) -> str:
    """The first columns of a row."""
    return f"{case:{COLUMNS[0][1]}}  {backend:{COLUMNS[1][1]}}"


def growth(cells: Sequence[Cell]) -> str:
    """Table of the time per atom at each size and the exponent of its growth with the number of atoms."""
    series: dict[tuple[str, str, str, str, str], list[Cell]] = {}
    for cell in cells:
        key = (CASES[cell.case].system, cell.mode, cell.network, cell.dtype, cell.backend)
        series.setdefault(key, []).append(cell)
    rows = []
    for key, sizes in series.items():
        if len(sizes) > 1:
            atoms, times = np.array([[c.atoms, c.ms_per_step] for c in sizes]).T
            exponent = np.polyfit(np.log(atoms), np.log(times), 1)[0]
            per_atom = ", ".join(f"{1000 * t / n:.3g} at {n:.0f}" for n, t in zip(atoms, times, strict=True))
            rows.append([*key, f"{exponent:.2f}", per_atom])
    names = ["system", "mode", "network", "dtype", "backend", "exponent", "µs per atom at each size"]
    return "\n".join(["\nGrowth with the number of atoms", *lines(names, rows)]) if rows else ""


def lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Format rows of text in columns of minimal width."""
    table = [list(names), *([*row, *[""] * (len(names) - len(row))] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(r, widths, strict=True)).rstrip() for r in table]


def _line(texts: Sequence[str]) -> str:
    padded = [
        text.ljust(width) if i < 2 else text.rjust(width)
        for i, (text, (_, width)) in enumerate(zip(texts, COLUMNS, strict=True))
    ]
    return "  ".join(padded)


def _short(value: float | None) -> str:
    """Three significant digits without exponent; a dash for None."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
