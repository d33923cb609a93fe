"""Style of the figures: one set of colours and line styles, reproducible SVG."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.colors
from matplotlib.figure import Figure

WIDTH_IN = 10.0
REFERENCE: dict[str, Any] = {"color": "#2b2b2b", "linewidth": 2.2, "solid_capstyle": "round"}
REFERENCE_BAND = {"color": "#2b2b2b", "alpha": 0.18, "linewidth": 0}
GUIDE: dict[str, Any] = {"color": "#7a7a7a", "linewidth": 0.9, "linestyle": ":"}
THEORY: dict[str, Any] = {"color": "#8c8c8c", "linewidth": 1.1, "linestyle": "-.", "zorder": 2.5}

# Okabe & Ito 2008: distinguishable with any colour vision; the line styles also in greyscale print.
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES: tuple[Any, ...] = ((0, (5, 1.5)), (0, (1.3, 1.3)), (0, (6, 1.5, 1.3, 1.5)), (0, (9, 2)), (0, (3, 1)), "-")

ROLLOUT: dict[str, Any] = {"color": _COLOURS[0], "linestyle": _DASHES[0]}
ROLLOUT_BAND = {"color": _COLOURS[0], "alpha": 0.25, "linewidth": 0}
PUBLISHED: dict[str, Any] = {"color": "#7b3294", "marker": "D", "markerfacecolor": "white", "linestyle": "none"}
ELEMENTS = {"H": "#56B4E9", "C": "#4d4d4d", "N": "#0072B2", "O": "#D55E00", "Si": "#E69F00"}
SYSTEMS: dict[str, dict[str, Any]] = {  # colour and marker of the paper's systems
    "molecule": {"color": "#0072B2", "marker": "o"},
    "crystal": {"color": "#E69F00", "marker": "s"},
    "liquid": {"color": "#009E73", "marker": "^"},
}

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-3, 4),
    "axes.unicode_minus": True,
    "path.simplify": True,
    "path.simplify_threshold": 0.2,
    "svg.fonttype": "path",
    "svg.hashsalt": "trajcast",
}


def horizon_style(index: int) -> dict[str, Any]:
    """Colour and dashes of the `index`-th horizon, the same in every figure."""
    return {"color": _COLOURS[index % len(_COLOURS)], "linestyle": _DASHES[index % len(_DASHES)]}


def ordered_style(index: int, count: int) -> dict[str, Any]:
    """Colour and marker of the `index`-th of `count` ordered curves, from dark to light (also in greyscale)."""
    shade = matplotlib.colormaps["viridis"](0.88 * index / max(1, count - 1))
    return {"color": matplotlib.colors.to_hex(shade), "marker": "os^Dv<>p"[index % 8]}


@contextmanager
def figure_style() -> Iterator[None]:
    """Context in which figures are drawn in this style; matplotlib's settings are restored afterwards."""
    with matplotlib.rc_context(_RC):
        yield


def svg(figure: Figure) -> bytes:
    """The figure as SVG; equal figures give identical bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "trajcast"})
    return buffer.getvalue()
