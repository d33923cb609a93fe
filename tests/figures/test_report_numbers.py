"""Numbers are rounded by their errors and never lose their sign or scale."""

from __future__ import annotations

import math

import pytest

from trajcast.figures.numbers import duration, fixed, measured, number, number_of, plain, unit_text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (298.4321, 1.234, "298.4 ± 1.2"),
        (-146.1445, 0.2047, "−146.14 ± 0.20"),
        (2.1797, 0.15009, "2.18 ± 0.15"),
        (51234.0, 812.0, "51234 ± 812"),
        (0.0, 0.031, "0.000 ± 0.031"),
        (1.84e-9, 3.1e-11, "(1.840 ± 0.031) × 10⁻⁹"),
        (2.5e7, 3e5, "(2.500 ± 0.030) × 10⁷"),
        (3.14159, None, "3.142"),
        (3.14159, 0.0, "3.142"),
        (None, None, "–"),
    ],
)
def test_measured(value: float | None, error: float | None, text: str) -> None:
    assert measured(value, error) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0273, 3, "0.0273"),
        (-7.789e-5, 2, "−7.8 × 10⁻⁵"),
        (1234567.0, 3, "1.23 × 10⁶"),
        (999.96, 4, "1000"),
        (99.996, 4, "100.0"),
        (0.0, 4, "0"),
        (math.nan, 4, "nan"),
        (-math.inf, 4, "−inf"),
        (None, 4, "–"),
    ],
)
def test_number(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_other_numbers() -> None:
    assert fixed(-0.98765, 3) == "−0.988"
    assert fixed(None, 3) == "–"
    assert plain(50.0) == "50"
    assert plain(49.9985) == "50"
    assert number_of(1234567) == "1\u2009234\u2009567"
    assert (duration(0.44), duration(301.2), duration(86400), duration(None)) == ("0.4 s", "5.0 min", "24.0 h", "–")


def test_units_are_written_by_hand() -> None:
    assert unit_text("1e-9 m²/s") == "10⁻⁹ m²/s"
    assert unit_text("meV/atom") == "meV/atom"
