"""What stands on a page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from report_folder import models_of

from trajcast.figures.report.page import write_report


class Elements(HTMLParser):
    """The text of every table row and figure caption, and the attributes of every element."""

    def __init__(self, page: str):
        super().__init__()
        self.rows: list[list[str]] = []
        self.captions: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self._into: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        elif tag == "figcaption":
            self.captions.append("")
        self._into = tag if tag in ("th", "td", "figcaption") or self._into == "figcaption" else self._into

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "figcaption"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into in ("th", "td"):
            self.rows[-1][-1] += data
        elif self._into is not None:
            self.captions[-1] += data

    def starting(self, *cells: str) -> list[list[str]]:
        """Rows whose first cells are these."""
        return [row for row in self.rows if row[: len(cells)] == list(cells)]

    def verdict(self, quantity: str) -> list[list[str]]:
        """Rows of the verdict table, which has eight columns."""
        return [row for row in self.starting(quantity) if len(row) == 8]


def page_of(folder: Path, models: dict[str, Path] | None = None) -> str:
    """The page of some rollouts, of all without any."""
    output = folder / "report.html"
    write_report(folder, models or models_of(folder), output)
    return output.read_text(encoding="utf-8")
