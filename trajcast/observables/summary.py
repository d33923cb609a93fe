"""The verdict table: reference MD, rollout and a second MD run compared quantity by quantity.

The second run is MD from another start, at most as long as the rollout and judged as if it were a rollout: a perfect
model does no better. Every difference from the reference is judged twice:

- within error: a number differs by no more than Student's t (95 %, degrees of freedom by Welch and Satterthwaite) times
  the combined standard error; the blocks of a curve score no less, by the same test, than those of the second run,
  which must be as long as the rollout. A perfect model misses one in 20 such quantities on average. Without errors
  there is no verdict.
- within tolerance: the difference is negligible in practice, however long the runs. A difference beyond the
  tolerance but within error, or without an error estimate, is "not resolved".

Without a second run, scores are compared with those of the halves of the reference against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.score import block_scores, halves, score

CONFIDENCE = 0.95
SCORE_TOLERANCE = 0.01  # below the score of the second run
ACRONYM = 4  # longest name of an observable that is written in capitals
YES, NO, UNRESOLVED = "yes", "no", "not resolved"

Results = Mapping[str, Result]


def verdict_rows(
    md: Results, rollout: Results, second: Results | None, blocks: int, second_as_long: bool = True
) -> list[dict[str, Any]]:
    """One row per scored curve and per number of every observable; all mappings have the same keys.

    Args:
        blocks: Number of blocks behind each standard error.
        second_as_long: Whether the second run is as long as the rollout. A shorter one does not judge curves: its
            blocks are noisier, and every curve would pass.
    """
    rows = []
    for name, of_md in md.items():
        of_rollout, of_second = rollout[name], None if second is None else second[name]
        if of_md.scored:
            for curve in of_md.curves:
                rows.append(_curve_row(of_md, of_rollout, of_second, curve, second_as_long))
        by_key = {scalar.key: scalar for scalar in of_rollout.scalars}
        second_by_key = {scalar.key: scalar for scalar in of_second.scalars} if of_second else {}
        for scalar in of_md.scalars:
            if scalar.key in by_key:
                rows.append(_scalar_row(name, scalar, by_key[scalar.key], second_by_key.get(scalar.key), blocks))
    return rows


def curve_quantity(observable: str, curve: str) -> str:
    """Name of the row of a scored curve, e.g. RDF of O–H, distances of O–H."""
    return f"{observable.upper() if len(observable) <= ACRONYM else observable} of {curve}"


def _curve_row(
    md: Result, rollout: Result, second: Result | None, reference: Curve, second_as_long: bool
) -> dict[str, Any]:
    curve, second_curve = (_named(result, reference.name) for result in (rollout, second))
    value = None if curve is None else score(reference, curve)
    best, spread, within, second_within, why = None, None, None, None, ""
    if second_curve is not None:
        best = score(reference, second_curve)
        of_rollout, of_second = ([] if c is None else block_scores(reference, c) for c in (curve, second_curve))
        spread = _standard_error(of_second)
        if second_as_long:
            within = _no_less(of_rollout, of_second)
            second_within = None if within is None else True
        else:
            why = "not judged by the second MD run, which is shorter"
    elif second is None:
        best, spread = halves(reference) or (None, None)
        why = "judged by the halves of the reference" if best is not None else ""
        if value is not None and best is not None:
            within = value >= best - 2 * (spread or 0.0)
    below = None if value is None or best is None else min(0.0, value - best)
    if second is not None and not second_as_long:
        below = None  # noise lowers the score of a shorter run
    return {
        "observable": md.observable,
        "quantity": curve_quantity(md.observable, reference.name),
        "unit": "",
        "md": None,
        "md_error": None,
        "rollout": None,
        "rollout_error": None,
        "second": None,
        "second_error": None,
        "theory": None,
        "score": value,
        "ceiling": best,
        "ceiling_error": spread,
        "within_error": within,
        "second_within_error": second_within,
        "tolerance": SCORE_TOLERANCE,
        "within_tolerance": _within(below, SCORE_TOLERANCE, within),
        "note": _notes(md.note, rollout.note, second.note if second else "", why),
    }


def _scalar_row(observable: str, md: Scalar, rollout: Scalar, second: Scalar | None, blocks: int) -> dict[str, Any]:
    within = _agree(md, rollout, blocks)
    difference = None if md.value is None or rollout.value is None else rollout.value - md.value
    return {
        "observable": observable,
        "quantity": md.name,
        "unit": md.unit,
        "md": md.value,
        "md_error": md.error,
        "rollout": rollout.value,
        "rollout_error": rollout.error,
        "second": second.value if second else None,
        "second_error": second.error if second else None,
        "theory": rollout.theory,
        "score": None,
        "ceiling": None,
        "ceiling_error": None,
        "within_error": within,
        "second_within_error": _agree(md, second, blocks) if second else None,
        "tolerance": md.tolerance,
        "within_tolerance": None if md.tolerance is None else _within(difference, md.tolerance, within),
        "note": _notes(md.note, rollout.note, second.note if second else ""),
    }


def _agree(md: Scalar, other: Scalar, blocks: int) -> bool | None:
    """Whether two numbers agree within their errors; None without errors."""
    if md.value is None or other.value is None or md.error is None or other.error is None:
        return None
    width = _student(md.error**2, other.error**2, blocks, blocks)
    return abs(other.value - md.value) <= width * (md.error**2 + other.error**2) ** 0.5


def _no_less(scores: Sequence[float], others: Sequence[float]) -> bool | None:
    """Whether the mean of `scores` is no less than that of `others` within error; None for fewer than two of either."""
    if len(scores) < 2 or len(others) < 2:
        return None
    variance, other = (float(np.var(values, ddof=1)) / len(values) for values in (scores, others))
    width = _student(variance, other, len(scores), len(others), sides=1) * (variance + other) ** 0.5
    return float(np.mean(scores)) >= float(np.mean(others)) - width


def _student(variance: float, other: float, count: int, other_count: int, sides: int = 2) -> float:
    """Quantile of Student's t for the difference of two means with these squared standard errors.

    Satterthwaite 1946, doi:10.2307/3002019; Welch 1947, doi:10.1093/biomet/34.1-2.28.
    """
    total = variance + other
    if total <= 0:
        return 0.0
    freedom = total**2 / (variance**2 / (count - 1) + other**2 / (other_count - 1))
    return float(student.ppf(1 - (1 - CONFIDENCE) / sides, freedom))


def _within(difference: float | None, tolerance: float, within_error: bool | None) -> str | None:
    """Whether a difference from MD is within tolerance; None if it is unknown."""
    if difference is None:
        return None
    if abs(difference) <= tolerance:
        return YES
    return NO if within_error is False else UNRESOLVED


def _standard_error(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else None


def _named(result: Result | None, name: str) -> Curve | None:
    return next((curve for curve in result.curves if curve.name == name), None) if result else None


def _notes(md: str, rollout: str, second: str = "", why: str = "") -> str:
    notes = (("MD", md), ("rollout", rollout), ("second MD run", second), ("score", why))
    return "; ".join(f"{label}: {note}" for label, note in notes if note)
