"""Reference MD beside published numbers: whether the force field is the one that was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from trajcast.config import Reference
from trajcast.files import write_json
from trajcast.modules import named_module


@dataclass(frozen=True, kw_only=True)
class Published:
    """A quantity of the reference MD and what was published for it, in the same unit."""

    quantity: str
    unit: str
    value: float
    error: float | None  # standard error; None: not of a mean
    published: float
    published_error: float | None  # or half the range of what was published; None: not stated
    source: str


def write_literature(settings: Reference, folder: Path) -> None:
    """Write literature.json from the finished runs in `folder`: nothing for a system that compares nothing.

    Systems compare in a function `literature(settings, folder)` → list of `Published`.
    """
    system = named_module("systems", settings.system)
    compare: Callable[[Reference, Path], list[Published]] = getattr(system, "literature", lambda *_: [])
    write_json(folder / "literature.json", {"comparisons": [asdict(row) for row in compare(settings, folder)]})
