"""Small tables, with citations, shipped with the package."""

from __future__ import annotations

import csv
from importlib import resources


def packaged_table(package: str, name: str) -> list[dict[str, str]]:
    """Rows of `name`.csv in a package; comment lines (#), which cite the sources, are skipped."""
    text = (resources.files(package) / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
