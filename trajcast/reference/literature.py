"""Comparison of reference MD with published values, to verify that the force field is the intended one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from trajcast.config.schema import ReferenceSettings
from trajcast.core.plugins import named_module
from trajcast.io import layout
from trajcast.io.files import write_json
from trajcast.reference.published import Published


def write_literature(settings: ReferenceSettings, folder: Path) -> None:
    """Write literature.json from the finished runs in `folder`; the list is empty if the system has no comparisons.

    A system compares in a function `literature(settings, folder)` → list of `Published`.
    """
    system = named_module("reference.systems", settings.system)
    compare: Callable[[ReferenceSettings, Path], list[Published]] = getattr(system, "literature", lambda *_: [])
    write_json(folder / layout.LITERATURE_FILE, {"comparisons": [asdict(row) for row in compare(settings, folder)]})
