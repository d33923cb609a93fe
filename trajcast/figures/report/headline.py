"""The verdict on a rollout in a sentence: how it ended, how much agrees with MD, and what does not.

A rollout agrees with MD where it came to its end, nothing is known to exceed the tolerance that matters to a user, at
least half of what has a tolerance is within it (what is too short to tell anything does not agree), and no more
quantities miss their error than chance lets a perfect model miss, of which each has one chance in twenty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scipy.stats import binom

from trajcast.figures.numbers import number, plain, unit_text
from trajcast.figures.report.runs import Run
from trajcast.figures.table import joined
from trajcast.observables.summary import CONFIDENCE, NO, UNRESOLVED, YES

RAREST = 0.05  # chance of so many misses by a perfect model, below which they are the model's


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the rows of one rollout add up to."""

    completed: bool
    within: int  # quantities within error
    judged: int
    second_within: int | None  # the same of the second MD run; None: there is none
    second_judged: int
    tolerable: int  # quantities within tolerance
    unresolved: int
    outside: list[str]  # quantities beyond their tolerance, with the difference
    agrees: bool


def verdict(run: Run) -> Verdict:
    """Count the rows."""
    rows = run.summary
    own, second = (
        [row[key] for row in rows if row[key] is not None] for key in ("within_error", "second_within_error")
    )
    outside = [_difference(row) for row in rows if row["within_tolerance"] == NO]
    completed = run.outcome["outcome"] == "completed"
    tolerable = sum(row["within_tolerance"] == YES for row in rows)
    unresolved = sum(row["within_tolerance"] == UNRESOLVED for row in rows)
    return Verdict(
        completed=completed,
        within=sum(own),
        judged=len(own),
        second_within=sum(second) if second else None,
        second_judged=len(second),
        tolerable=tolerable,
        unresolved=unresolved,
        outside=outside,
        agrees=completed
        and bool(own)
        and not outside
        and tolerable >= unresolved
        and _by_chance(len(own) - sum(own), len(own)),
    )


def _by_chance(misses: int, judged: int) -> bool:
    """Whether a perfect model misses so many of its quantities often enough."""
    return bool(binom.sf(misses - 1, judged, 1 - CONFIDENCE) > RAREST)


def headline(run: Run) -> str:
    """The sentence, with the rollout's name before it."""
    found = verdict(run)
    beside = (
        "" if found.second_within is None else f" (a second MD run: {found.second_within} of {found.second_judged})"
    )
    parts = [_ending(run.outcome), f"{found.within} of {found.judged} quantities within error{beside}"]
    if limits := found.tolerable + found.unresolved + len(found.outside):
        text = f"{found.tolerable} of {limits} within the tolerances that matter to a user"
        parts.append(text + (f", {found.unresolved} not resolved" if found.unresolved else ""))
    if found.outside:
        parts.append(f"beyond them: {joined(found.outside)}")
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
    text = f"{'+' if difference > 0 else ''}{number(difference, 2)} {unit_text(row['unit'])}".strip()
    return f"{row['quantity']} ({text})"
