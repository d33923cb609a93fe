"""What an observable gives: curves and numbers with errors and units, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trajcast.files import write_json


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """One number with its standard error (None: unknown) and unit, e.g. D of O in 1e-9 m²/s."""

    name: str
    value: float | None  # None: could not be measured, `note` says why
    error: float | None
    unit: str
    theory: float | None = None  # what theory says it is, where it says so
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a figure, with pointwise standard errors where known."""

    name: str
    x: list[float]
    y: list[float]
    error: list[float] | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """One observable of one trajectory."""

    observable: str  # the module's name, e.g. "rdf"
    title: str
    x_label: str
    y_label: str
    curves: list[Curve]
    scalars: list[Scalar] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)  # labelled vertical lines, e.g. the Nyquist wavenumber
    caption: str = ""  # how it was computed: parameters, fit ranges, number of frames

    def save(self, path: Path | str) -> None:
        """Write as JSON; refuses NaN and infinity."""
        write_json(path, asdict(self))


def load_result(path: Path | str) -> Result:
    """Read what `Result.save` wrote."""
    raw: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    curves = [Curve(**c) for c in raw.pop("curves")]
    scalars = [Scalar(**s) for s in raw.pop("scalars")]
    return Result(curves=curves, scalars=scalars, **raw)
