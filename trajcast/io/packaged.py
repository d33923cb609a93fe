"""Small cited tables that come with the package."""

from __future__ import annotations

import csv
from importlib import resources


def packaged_table(package: str, name: str) -> list[dict[str, str]]:
    """The rows of `name`.csv in a package; comments at its head say where they come from."""
    text = (resources.files(package) / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
