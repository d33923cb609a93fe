"""Shared by all figures: print width, panel letters, logarithmic axes."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

PRINT_WIDTH_IN = 7.2  # double-column width of a journal


def logarithmic(ax: Axes, *, x: bool = False, y: bool = False) -> None:
    """Make axes logarithmic with plain tick labels: 1, 2, 5, 10 …"""
    ax.set(xscale="log" if x else ax.get_xscale(), yscale="log" if y else ax.get_yscale())
    low, high = ax.get_xlim()
    dense, sparse = (1, 2, 5), (1, 3)
    for axis in [ax.xaxis] * x + [ax.yaxis] * y:
        axis.set_major_locator(LogLocator(subs=sparse if axis is ax.xaxis and high > 20 * low else dense))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())


def letter_panels(axes: Iterable[Axes]) -> None:
    """Put the letters a, b, c … before the panel titles."""
    for letter, ax in zip("abcdefghijklmnop", axes, strict=False):
        ax.set_title(f"{letter}  {ax.get_title(loc='left')}", loc="left")
