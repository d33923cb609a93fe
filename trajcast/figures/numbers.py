"""Format numbers for figures and tables."""

from __future__ import annotations

import math
import re

MISSING = "–"
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _power(exponent: int) -> str:
    return f" × 10{str(exponent).translate(_SUPERSCRIPT)}"


def number(value: float | None, digits: int = 4) -> str:
    """`value` with `digits` significant digits, trailing zeros kept; a dash if None."""
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return _signed(str(value))
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if -4 <= int(exponent) < 6:
        return _signed(f"{float(f'{mantissa}e{exponent}'):.{max(0, digits - 1 - int(exponent))}f}")
    return _signed(mantissa) + _power(int(exponent))


def plain(value: float) -> str:
    """A planned or configured value: at most four significant digits, no trailing zeros."""
    return _signed(f"{value:.4g}")


def fixed(value: float | None, decimals: int) -> str:
    """`value` with a fixed number of decimals; a dash if None."""
    return MISSING if value is None else _signed(f"{value:.{decimals}f}")


def measured(value: float | None, error: float | None) -> str:
    """`value ± error`, rounded to two significant digits of the error; without an error, four digits of the value."""
    if value is None or error is None or not math.isfinite(error) or error <= 0:
        return number(value)
    scale = 0
    size = max(abs(value), error)
    if not 1e-4 <= size < 1e6:
        scale = math.floor(math.log10(size))
    value, error = value / 10**scale, error / 10**scale
    decimals = max(0, 1 - math.floor(math.log10(error)))
    text = f"{_signed(f'{value:.{decimals}f}')} ± {error:.{decimals}f}"
    return f"({text}){_power(scale)}" if scale else text


def unit_text(unit: str) -> str:
    """A unit in typographic form: 1e-9 m²/s becomes 10⁻⁹ m²/s."""
    return re.sub(r"\b1e([-+]?\d+)", lambda match: "10" + str(int(match[1])).translate(_SUPERSCRIPT), unit)


def duration(seconds: float | None) -> str:
    """A time in s, min or h, according to its size; a dash if None."""
    if seconds is None:
        return MISSING
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def number_of(count: int | None) -> str:
    """An integer with thin spaces between thousands; a dash if None."""
    return MISSING if count is None else f"{count:,}".replace(",", "\u2009")
