"""The verdict table: MD and forecast side by side, quantity by quantity.

Numbers are within error when they differ by at most two combined standard errors. Scored curves are within error when
their score is at least the ceiling less two of its standard deviations, that is, when the forecast agrees with the MD
as well as the MD's halves agree with each other. Without errors there is no verdict.

Noise alone lowers a score: for stretches of m and f frames it grows with 1/m + 1/f, and is less than that between the
MD's halves (4/m) as long as the forecast has a third of the MD's frames. A note is made of a shorter one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.score import ceiling, score

SIGMAS = 2.0
ACRONYM = 4  # letters of an observable that is written in capitals, at most


def verdict_rows(
    md: Mapping[str, Result], forecast: Mapping[str, Result], md_frames: int, forecast_frames: int
) -> list[dict[str, Any]]:
    """One row per scored curve and per number of every observable; both mappings have the same keys."""
    rows = []
    short = "shorter than a third of the MD: noise alone may lower its score" if 3 * forecast_frames < md_frames else ""
    for name, of_md in md.items():
        of_forecast = forecast[name]
        if of_md.scored:
            curves = {curve.name: curve for curve in of_forecast.curves}
            rows += [_curve_row(of_md, of_forecast, curve, curves.get(curve.name), short) for curve in of_md.curves]
        scalars = {scalar.name: scalar for scalar in of_forecast.scalars}
        rows += [_scalar_row(name, scalar, scalars[scalar.name]) for scalar in of_md.scalars if scalar.name in scalars]
    return rows


def curve_quantity(observable: str, curve: str) -> str:
    """What a row of a scored curve is called: RDF of O–H, distances of O–H."""
    return f"{observable.upper() if len(observable) <= ACRONYM else observable} of {curve}"


def _curve_row(md: Result, forecast: Result, reference: Curve, curve: Curve | None, short: str) -> dict[str, Any]:
    best, spread = ceiling(reference) or (None, None)
    value = None if curve is None else score(reference, curve)
    within = None
    if value is not None and best is not None:
        within = value >= best - SIGMAS * (spread or 0.0)
    return {
        "observable": md.observable,
        "quantity": curve_quantity(md.observable, reference.name),
        "unit": "",
        "md": None,
        "md_error": None,
        "forecast": None,
        "forecast_error": None,
        "theory": None,
        "score": value,
        "ceiling": best,
        "ceiling_error": spread,
        "within_error": within,
        "note": _notes(md.note, forecast.note or short),
    }


def _scalar_row(observable: str, md: Scalar, forecast: Scalar) -> dict[str, Any]:
    within = None
    if md.value is not None and forecast.value is not None and md.error is not None and forecast.error is not None:
        within = abs(forecast.value - md.value) <= SIGMAS * (md.error**2 + forecast.error**2) ** 0.5
    return {
        "observable": observable,
        "quantity": md.name,
        "unit": md.unit,
        "md": md.value,
        "md_error": md.error,
        "forecast": forecast.value,
        "forecast_error": forecast.error,
        "theory": forecast.theory,
        "score": None,
        "ceiling": None,
        "ceiling_error": None,
        "within_error": within,
        "note": _notes(md.note, forecast.note),
    }


def _notes(md: str, forecast: str) -> str:
    return "; ".join(f"{who}: {note}" for who, note in (("MD", md), ("forecast", forecast)) if note)
