"""Reference MD beside published numbers: whether the force field is the one that was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from trajcast.config.schema import ReferenceSettings
from trajcast.core.plugins import named_module
from trajcast.io.files import write_json
from trajcast.reference.published import Published


def write_literature(settings: ReferenceSettings, folder: Path) -> None:
    """Write literature.json from the finished runs in `folder`: nothing for a system that compares nothing.

    Systems compare in a function `literature(settings, folder)` → list of `Published`.
    """
    system = named_module("reference.systems", settings.system)
    compare: Callable[[ReferenceSettings, Path], list[Published]] = getattr(system, "literature", lambda *_: [])
    write_json(folder / "literature.json", {"comparisons": [asdict(row) for row in compare(settings, folder)]})
