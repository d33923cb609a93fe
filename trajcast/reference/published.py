"""Comparison of a quantity from reference MD with its published value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """A quantity from reference MD and its published value, in the same unit."""

    quantity: str
    unit: str
    value: float
    error: float | None  # standard error; None if the value is not a mean
    published: float
    published_error: float | None  # or half the published range; None if not stated
    source: str
