"""Figure of the cooling study: temperature, diffusion and order along the ramp, structure in selected windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from trajcast.figures.cooling.comparison import Method, read_methods
from trajcast.figures.cooling.windows import Window
from trajcast.figures.curves import LABEL_BOX, draw_curve
from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing, Value
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels
from trajcast.figures.style import GUIDE, REFERENCE, REFERENCE_BAND, horizon_style
from trajcast.observables.result import Curve
from trajcast.observables.score import halves, score

STRUCTURES = 4  # maximum number of windows whose structure is drawn
MARKERS = "o^sDv"
Point = tuple[float | None, float | None]  # value and standard error


def draw(path: Path | str) -> Drawing:
    """Draw the results of `trajcast cooling`."""
    methods = read_methods(path)
    figure = Figure(figsize=(PRINT_WIDTH_IN, 4.6), layout="constrained")
    axes = figure.subplots(2, STRUCTURES, squeeze=False)
    rows = _temperature_panel(axes[0, 0], methods)
    rows += _diffusion_panel(axes[0, 1], methods)
    rows += _along(axes[0, 2], methods, "order q", lambda window: _scalar(window, "order."))
    rows += _score_panel(axes[0, 3], methods)
    chosen = _chosen(len(methods[0].windows))
    for place, index in enumerate(chosen):
        rows += _structure_panel(axes[1, place], methods, index)
    for ax in axes[1, len(chosen) :]:
        ax.set_visible(False)
    letter_panels([*axes[0], *axes[1, : len(chosen)]])
    handles = [Line2D([], [], **_look(index)) for index in range(len(methods))]
    figure.legend(handles, [method.name for method in methods], loc="outside upper center", ncols=len(methods))
    heaviest = next((curve.name for method in methods for w in method.windows for curve in w.curves.get("rdf", [])), "")
    axes[1, 0].set_ylabel(f"g(r) of {heaviest}")
    first, last = methods[0].windows[0], methods[0].windows[-1]
    return Drawing(
        title=f"Cooling from {first.from_K:g} to {last.to_K:g} K",
        caption="Reference MD and rollouts along the same temperature ramp, linear in time; the models were trained at "
        f"{first.from_K:g} K only. Top, in windows of equal length: deviation of the kinetic temperature of each "
        "element from the central temperature of the window; diffusion coefficient D from the mean squared "
        "displacement (not corrected for the finite size of the box); tetrahedral order q (Errington & Debenedetti "
        f"2001); score of the radial distribution function {heaviest} against MD, with the score of halves of the MD "
        "runs against each other as ceiling. Bottom: this function in selected windows. Points are drawn at the "
        "central temperatures of the windows; bars and bands: one standard error of the mean over "
        f"{methods[0].runs} runs.",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=_notes(methods),
    )


def _look(index: int) -> dict[str, Any]:
    """Style of a method: MD first, then the horizons."""
    return REFERENCE if index == 0 else horizon_style(index - 1)


def _scalar(window: Window, key: str) -> Point:
    scalar = window.scalar(key)
    return (None, None) if scalar is None else (scalar.value, scalar.error)


def _along(
    ax: Axes, methods: Sequence[Method], label: str, value: Callable[[Window], Point], marker: str = "o", **look: Any
) -> list[list[Value]]:
    """Draw a quantity against the central temperature of the windows; return the data rows."""
    rows: list[list[Value]] = []
    for index, method in enumerate(methods):
        points = [(window.middle_K, *value(window)) for window in method.windows]
        rows += [[label, method.name, kelvin, None, y, error] for kelvin, y, error in points]
        known = [(kelvin, y, error or 0.0) for kelvin, y, error in points if y is not None]
        if known:
            kelvin, y, error = np.array(known).T
            bars: dict[str, Any] = {"elinewidth": 1.0, "capsize": 2, "marker": marker, "markersize": 3.5}
            ax.errorbar(kelvin, y, yerr=error, **(bars | _look(index) | {"linewidth": 1.4} | look))
    ax.set_xlabel("T / K")
    ax.set_title(label, loc="left")
    return rows


def _temperature_panel(ax: Axes, methods: Sequence[Method]) -> list[list[Value]]:
    rows: list[list[Value]] = []
    ax.axhline(0, **GUIDE)
    keys = dict.fromkeys(scalar.key for method in methods for window in method.windows for scalar in window.scalars)
    subjects = [subject for quantity, _, subject in (key.partition(".") for key in keys) if quantity == "temperature"]
    elements = [subject for subject in subjects if subject != "all atoms"]
    for element, marker in zip(elements, MARKERS, strict=False):

        def deviation(window: Window, element: str = element) -> Point:
            value, error = _scalar(window, f"temperature.{element}")
            return None if value is None else value - window.middle_K, error

        rows += _along(ax, methods, f"T − target of {element} / K", deviation, marker, linewidth=1.0)
    shown = [Line2D([], [], color="#555555", marker=marker, linestyle="none", markersize=4) for marker in MARKERS]
    ax.legend(shown[: len(elements)], elements, loc="best", fontsize=7)
    ax.set_title("T − target / K", loc="left")
    return rows


def _diffusion_panel(ax: Axes, methods: Sequence[Method]) -> list[list[Value]]:
    """D on a logarithmic scale, or on a linear one if a value is not positive, as may be in short runs."""
    rows = _along(ax, methods, "D / 10⁻⁹ m² s⁻¹", lambda window: _scalar(window, "diffusion."))
    values = [row[4] for row in rows if isinstance(row[4], float)]
    if values and min(values) > 0:
        ax.set_yscale("log", nonpositive="clip")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    return rows


def _score_panel(ax: Axes, methods: Sequence[Method]) -> list[list[Value]]:
    """Score of the RDF of the heaviest pair in each window, with the ceiling of MD."""
    reference, label = methods[0], "RDF score"

    def ceiling(window: Window) -> Point:
        md = _pair(window)
        return (halves(md) or (None, None)) if md else (None, None)

    rows = _along(ax, [reference], label, ceiling)
    for index, method in enumerate(methods[1:], 1):
        same = {id(window): md for window, md in zip(method.windows, reference.windows, strict=True)}

        def against_md(window: Window, same: dict[int, Window] = same) -> Point:
            md, curve = _pair(same[id(window)]), _pair(window)
            return (score(md, curve), None) if md and curve else (None, None)

        rows += _along(ax, [method], label, against_md, **_look(index) | {"linewidth": 1.4})
    ax.set_ylim(top=1.0)
    return rows


def _pair(window: Window) -> Curve | None:
    """The radial distribution function of the heaviest element."""
    return next(iter(window.curves.get("rdf", [])), None)


def _structure_panel(ax: Axes, methods: Sequence[Method], index: int) -> list[list[Value]]:
    rows: list[list[Value]] = []
    errors: Sequence[float | None]
    window = methods[0].windows[index]
    label = f"{window.from_K:g}–{window.to_K:g} K"
    for place, method in enumerate(methods):
        curve = _pair(method.windows[index])
        if curve is None:
            text = f"no {method.name}"
            ax.text(0.95, 0.9 - 0.1 * place, text, transform=ax.transAxes, ha="right", fontsize=7, bbox=LABEL_BOX)
            continue
        look = _look(place)
        band = REFERENCE_BAND if place == 0 else {"color": look["color"], "alpha": 0.25, "linewidth": 0}
        draw_curve(ax, curve, look | {"linewidth": 1.2}, band)
        errors = curve.error or [None] * len(curve.x)
        panel = f"RDF {curve.name}, {label}"
        rows += [[panel, method.name, x, None, y, error] for x, y, error in zip(curve.x, curve.y, errors, strict=True)]
    ax.set_title(label, loc="left")
    ax.set_xlabel("r / Å")
    ax.set_xlim(left=2.0)
    ax.set_ylim(bottom=0.0)
    return rows


def _chosen(windows: int) -> list[int]:
    """Indices of the windows whose structure is drawn: first, last, and evenly spaced ones between them."""
    return sorted({round(float(x)) for x in np.linspace(0, windows - 1, min(STRUCTURES, windows))})


def _notes(methods: Sequence[Method]) -> list[str]:
    notes = [f"{method.name}, one run ended early: {how}." for method in methods for how in method.endings]
    for method in methods:
        missing = [window for window in method.windows if window.runs < method.runs]
        notes += [
            f"{method.name}: {window.runs} of {method.runs} runs cover {window.from_K:g} to {window.to_K:g} K."
            for window in missing
        ]
    return notes
