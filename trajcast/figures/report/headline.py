"""One-sentence verdict on a rollout: how it ended, how many quantities agree with MD, and which do not.

A rollout agrees with MD if all of this holds:

- It was completed.
- At least one quantity could be judged against its error.
- No quantity is known to exceed its tolerance.
- Of the quantities with a tolerance, at least as many are within it as are unresolved: a run that is too short to
  resolve anything does not agree.
- No more quantities are outside their error than chance explains; a perfect model misses each with a probability of
  5 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scipy.stats import binom

from trajcast.figures.numbers import number, plain, unit_text
from trajcast.figures.report.runs import ReportedRun
from trajcast.figures.table import joined
from trajcast.observables.summary import CONFIDENCE, NO, UNRESOLVED, YES

SIGNIFICANCE = 0.05  # misses count against the model if a perfect model has as many with a lower probability


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Counts of the summary rows of one rollout, and whether it agrees with MD."""

    completed: bool
    within: int  # quantities within error
    judged: int
    second_within: int | None  # of the second MD run; None if there is none
    second_judged: int
    tolerable: int  # quantities within tolerance
    unresolved: int
    outside: list[str]  # quantities beyond their tolerance, with the difference
    agrees: bool


def verdict(run: ReportedRun) -> Verdict:
    """Count the summary rows of a rollout."""
    rows = run.summary
    first, second = (
        [row[key] for row in rows if row[key] is not None] for key in ("within_error", "second_within_error")
    )
    outside = [_difference(row) for row in rows if row["within_tolerance"] == NO]
    completed = run.outcome["outcome"] == "completed"
    tolerable = sum(row["within_tolerance"] == YES for row in rows)
    unresolved = sum(row["within_tolerance"] == UNRESOLVED for row in rows)
    return Verdict(
        completed=completed,
        within=sum(first),
        judged=len(first),
        second_within=sum(second) if second else None,
        second_judged=len(second),
        tolerable=tolerable,
        unresolved=unresolved,
        outside=outside,
        agrees=completed
        and bool(first)
        and not outside
        and tolerable >= unresolved
        and _by_chance(len(first) - sum(first), len(first)),
    )


def _by_chance(misses: int, judged: int) -> bool:
    """Whether chance explains this number of misses."""
    return bool(binom.sf(misses - 1, judged, 1 - CONFIDENCE) > SIGNIFICANCE)


def headline(run: ReportedRun) -> str:
    """The verdict sentence, beginning with the name of the rollout."""
    counts = verdict(run)
    second = (
        "" if counts.second_within is None else f" (a second MD run: {counts.second_within} of {counts.second_judged})"
    )
    parts = [_ending(run.outcome), f"{counts.within} of {counts.judged} quantities within error{second}"]
    if limits := counts.tolerable + counts.unresolved + len(counts.outside):
        text = f"{counts.tolerable} of {limits} within tolerance"
        parts.append(text + (f", {counts.unresolved} not resolved" if counts.unresolved else ""))
    if counts.outside:
        parts.append(f"beyond tolerance: {joined(counts.outside)}")
    return f"{run.title}, {run.outcome['ensemble']}: {'; '.join(parts)}"


def _ending(outcome: dict[str, Any]) -> str:
    if outcome["outcome"] == "completed":
        return f"rollout completed, {plain(outcome['planned_ps'])} ps"
    reached = f"{plain(outcome['time_ps'])} ps of {plain(outcome['planned_ps'])} ps"
    return f"rollout ended early ({outcome['outcome']}) at {reached}"


def _difference(row: dict[str, Any]) -> str:
    if row["score"] is not None:
        return f"score of the {row['quantity']} ({number(row['score'] - row['ceiling'], 2)})"
    difference = row["rollout"] - row["md"]
    unit = unit_text(row["unit"])
    unit = f"× {unit}" if unit.startswith("10") else unit
    text = f"{'+' if difference > 0 else ''}{number(difference, 2)} {unit}".strip()
    return f"{row['quantity']} ({text})"
