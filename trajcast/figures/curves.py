"""Figure of any observable, drawn from its `Result` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from trajcast.figures.style import GUIDE, REFERENCE, REFERENCE_BAND, THEORY, WIDTH_IN, horizon_style
from trajcast.observables.result import Curve, Result

HEADROOM = 1.0  # range shown above and below that of the MD, relative to it
BAND_POINTS = 400  # error bands are thinned to about this number of points


def horizon_name(horizon_fs: float) -> str:
    """A horizon as written in figures and tables."""
    return f"Δt = {horizon_fs:g} fs"


class Compared(Protocol):
    """Results of reference MD and of a rollout, by observable."""

    @property
    def title(self) -> str:
        """Name of the rollout."""

    @property
    def md(self) -> Mapping[str, Result]:
        """Results of the reference MD."""

    @property
    def rollout(self) -> Mapping[str, Result]:
        """Results of the rollout."""


def observable_figure(name: str, runs: Sequence[Compared], styles: Sequence[int]) -> Figure | None:
    """One row of panels per curve, one column per rollout, each with the reference MD at the same frame spacing.

    Args:
        styles: Index of each rollout in the colour sequence.

    Returns:
        The figure, or None if no run has a curve of this observable.
    """
    results = [result for run in runs for result in (run.md.get(name), run.rollout.get(name)) if result]
    curves = list(dict.fromkeys(curve.name for result in results for curve in result.curves))
    if not curves:
        return None
    figure = Figure(figsize=(WIDTH_IN, 0.75 + 2.15 * len(curves)), layout="constrained")
    axes = figure.subplots(len(curves), len(runs), sharex=True, sharey="row", squeeze=False)
    for i, curve in enumerate(curves):
        for j, (run, style) in enumerate(zip(runs, styles, strict=True)):
            _panel(axes[i, j], curve, run.md.get(name), run.rollout.get(name), style)
        _limit_to_reference(list(axes[i]), curve, [run.md.get(name) for run in runs])
        axes[i, 0].set_ylabel(_with_line_breaks(results[0].y_label))
    limits = next((result.x_limits for result in results if result.x_limits), None)
    if limits:
        axes[0, 0].set_xlim(*limits)
    for j, run in enumerate(runs):
        for ax in axes[:, j]:
            ax.set_title(run.title, loc="right", color=horizon_style(styles[j])["color"])
        axes[-1, j].set_xlabel(results[0].x_label)
        for result in (run.md.get(name), run.rollout.get(name)):
            if result:
                _draw_marks(axes[:, j], result.marks)
    _legend(figure, runs, styles, theory=any(result.theory for result in results))
    return figure


def _panel(ax: Axes, name: str, md: Result | None, rollout: Result | None, style: int) -> None:
    look = horizon_style(style)
    for result, line, band in (
        (md, REFERENCE, REFERENCE_BAND),
        (rollout, look, {"color": look["color"], "alpha": 0.25, "linewidth": 0}),
    ):
        curve = _curve(result, name)
        if curve is None or not curve.x:
            text, y = ("no reference MD data", 0.55) if result is md else ("no rollout data", 0.4)
            ax.text(0.5, y, text, transform=ax.transAxes, ha="center", color=line["color"], bbox=LABEL_BOX)
            continue
        draw_curve(ax, curve, line, band)
    theory = next((_theory(result, name) for result in (rollout, md) if result and _theory(result, name)), None)
    if theory:
        ax.plot(theory.x, theory.y, **THEORY)
    ax.set_title(name, loc="left", fontweight="bold")


def draw_curve(ax: Axes, curve: Curve, line: dict[str, Any], band: dict[str, Any], sigmas: float = 1.0) -> None:
    """Draw a curve and, if it has standard errors, a band of ± `sigmas` standard errors."""
    ax.plot(curve.x, curve.y, **line)
    if curve.error is not None:
        x, y, error = (_thinned(values) for values in (curve.x, curve.y, curve.error))
        ax.fill_between(x, y - sigmas * error, y + sigmas * error, **band)


LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}


def _curve(result: Result | None, name: str) -> Curve | None:
    return next((curve for curve in result.curves if curve.name == name), None) if result else None


def _theory(result: Result, name: str) -> Curve | None:
    return next((curve for curve in result.theory if curve.name == name), None)


def _thinned(values: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(values, dtype=float)[:: max(1, len(values) // BAND_POINTS)]


def _limit_to_reference(axes: Sequence[Axes], name: str, references: Sequence[Result | None]) -> None:
    """Limit the row to the range of the MD and its headroom; mark panels in which a rollout exceeds it."""
    curves = [curve for curve in (_curve(result, name) for result in references) if curve and curve.y]
    if not curves:
        return
    low = min(min(curve.y) for curve in curves)
    high = max(max(curve.y) for curve in curves)
    headroom = HEADROOM * ((high - low) or abs(high) or 1.0)
    bottom, top = axes[0].get_ylim()
    axes[0].set_ylim(max(bottom, low - headroom), min(top, high + headroom))
    for ax in axes:
        drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in ax.lines] or [np.zeros(0)])
        if (drawn < low - headroom).any() or (drawn > high + headroom).any():
            ax.text(0.03, 0.03, "rollout exceeds the axis range", transform=ax.transAxes, fontsize=8, bbox=LABEL_BOX)


def _draw_marks(axes: NDArray, marks: dict[str, float]) -> None:
    for label, x in marks.items():
        left, right = axes[0].get_xlim()
        if left <= x <= right:
            for ax in axes:
                ax.axvline(x, **GUIDE)
            axes[0].annotate(
                label,
                (x, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(-3, -14),
                textcoords="offset points",
                ha="right",
                va="top",
                rotation=90,
                fontsize=7.5,
                color=GUIDE["color"],
            )
        else:
            arrow, ha, position = ("→", "right", 0.97) if x > right else ("←", "left", 0.03)
            axes[0].text(
                position,
                0.72,
                f"{label} at {x:.0f} {arrow}" if abs(x) >= 100 else f"{label} at {x:.3g} {arrow}",
                transform=axes[0].transAxes,
                ha=ha,
                fontsize=7.5,
                color=GUIDE["color"],
            )


def _with_line_breaks(label: str) -> str:
    return label if len(label) < 28 else label.replace(" / ", "\n/ ", 1)


def _legend(figure: Figure, runs: Sequence[Compared], styles: Sequence[int], *, theory: bool) -> None:
    handles = [Line2D([], [], **REFERENCE)] + [Line2D([], [], **horizon_style(style)) for style in styles]
    labels = ["reference MD"] + [f"rollout, {run.title}" for run in runs]
    if theory:
        handles.append(Line2D([], [], **THEORY))
        labels.append("theory")
    figure.legend(handles, labels, loc="outside upper center", ncols=len(handles), handlelength=3.2)
