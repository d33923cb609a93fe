"""Result of an observable: curves and numbers with errors and units, stored as JSON and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trajcast.io.files import atomic_write, write_json
from trajcast.io.formats import scalar_record


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """One number with its standard error (None: unknown) and unit, e.g. D of O in 1e-9 m²/s."""

    key: str  # quantity and, after a dot, what it belongs to: `diffusion.O`; never shown
    name: str
    value: float | None  # None: not measured, see `note`
    error: float | None
    unit: str
    theory: float | None = None  # theoretical value, if known
    tolerance: float | None = None  # difference from reference MD that is negligible in practice; None: not stated
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a figure, with pointwise standard errors if known."""

    name: str
    x: list[float]
    y: list[float]
    error: list[float] | None = None
    blocks: list[list[float]] = field(default_factory=list)  # y from each block of frames; empty: too few frames


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A function of two variables: z[i][j] at x[i], y[j]; None: unknown."""

    x_label: str
    y_label: str
    z_label: str
    x: list[float]
    y: list[float]
    z: list[list[float | None]]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One observable of one trajectory."""

    observable: str  # the module's name, e.g. "rdf"
    title: str
    x_label: str
    y_label: str
    curves: list[Curve]
    scalars: list[Scalar] = field(default_factory=list)
    surface: Surface | None = None
    theory: list[Curve] = field(default_factory=list)  # theoretical counterparts of the curves with the same names
    marks: dict[str, float] = field(default_factory=dict)  # labelled vertical lines, e.g. the Nyquist wavenumber
    x_limits: tuple[float, float] | None = None  # range of the x axis to show; None: all
    scored: bool = False  # whether curves are compared by their score
    caption: str = ""  # how it was computed: settings, fit ranges, number of frames
    note: str = ""  # why something is missing

    def save(self, path: Path | str) -> None:
        """Write as JSON, which refuses NaN and infinity."""
        write_json(path, asdict(self))

    def save_csv(self, path: Path | str) -> None:
        """Write the curves as one table: curve, x, y, standard error of y (empty: unknown)."""
        with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
            table = csv.writer(handle)
            table.writerow(["curve", self.x_label, self.y_label, "standard error"])
            for curve in self.curves:
                errors: Sequence[float | str] = curve.error or [""] * len(curve.x)
                table.writerows([curve.name, *row] for row in zip(curve.x, curve.y, errors, strict=True))


def load_result(path: Path | str) -> Result:
    """Read a file written by `Result.save`."""
    raw: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    for name in ("curves", "theory"):
        raw[name] = [Curve(**curve) for curve in raw.get(name, [])]
    raw["scalars"] = [Scalar(**scalar_record(scalar)) for scalar in raw["scalars"]]
    if raw.get("surface"):
        raw["surface"] = Surface(**raw["surface"])
    if raw.get("x_limits"):
        raw["x_limits"] = tuple(raw["x_limits"])
    return Result(**raw)
