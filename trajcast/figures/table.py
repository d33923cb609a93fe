"""Tables as text, ready for a template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Text of one cell; `kind` is its CSS class: "text" for words, "good" or "bad" for a verdict, "" for numbers."""

    text: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose rows may be grouped under headings; the first cell of a row is its header."""

    title: str
    caption: str
    columns: list[str]
    groups: list[tuple[str, list[list[Cell]]]]  # heading ("" for none) and rows
    notes: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """CSS class of each column: "text" (left-aligned) if all its cells are words, otherwise ""."""
        rows = [row for _, rows in self.groups for row in rows]
        return ["text" if rows and all(row[i].kind == "text" for row in rows) else "" for i in range(len(self.columns))]


def cells(values: Iterable[str | Cell]) -> list[Cell]:
    """A row from strings and cells."""
    return [value if isinstance(value, Cell) else Cell(text=value) for value in values]


def text_cell(value: str) -> Cell:
    """A cell of words."""
    return Cell(text=value, kind="text")


def joined(names: Sequence[str]) -> str:
    """Names as an enumeration: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
