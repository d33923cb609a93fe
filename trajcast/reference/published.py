"""A quantity of reference MD beside what was published for it."""

from __future__ import annotations

from dataclasses import dataclass


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
