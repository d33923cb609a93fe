"""Comparison of reference MD and rollout of one system, as shown in figures 2, 3 and 4."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trajcast.figures.curves import LABEL_BOX, draw_curve, horizon_name
from trajcast.figures.drawing import Value
from trajcast.figures.numbers import fixed
from trajcast.figures.paper import system_of_kind
from trajcast.figures.published import published_result
from trajcast.figures.style import GUIDE, REFERENCE, REFERENCE_BAND, ROLLOUT, ROLLOUT_BAND
from trajcast.io import layout
from trajcast.io.layout import at
from trajcast.observables.result import Curve, Result, Scalar, load_result
from trajcast.observables.summary import curve_quantity

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

PUBLISHED_ENSEMBLE = "NVT (CSVR)"
METHODS = {"md": ("reference MD", REFERENCE, REFERENCE_BAND), "rollout": ("rollout", ROLLOUT, ROLLOUT_BAND)}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Results of `trajcast observe` for one rollout, and its outcome."""

    outcome: dict[str, Any]
    summary: list[dict[str, Any]]
    results: dict[str, dict[str, Result]]  # "md" or "rollout" → observable → result

    def curve(self, method: str, observable: str, name: str) -> Curve | None:
        """One curve of a method; None if not measured."""
        result = self.results[method].get(observable)
        return next((curve for curve in result.curves if curve.name == name and curve.x), None) if result else None

    def scalar(self, method: str, observable: str, key: str) -> Scalar | None:
        """One number of a method; None if not measured."""
        result = self.results[method].get(observable)
        return next((s for s in result.scalars if s.key == key), None) if result else None

    def names(self, observable: str) -> list[str]:
        """Names of all curves of MD and rollout."""
        results = [self.results[method].get(observable) for method in METHODS]
        return list(dict.fromkeys(curve.name for result in results if result for curve in result.curves))

    def score(self, observable: str, curve: str) -> dict[str, Any] | None:
        """Summary row of a scored curve; None if there is none."""
        name = curve_quantity(observable, curve)
        return next((row for row in self.summary if row["quantity"] == name and row["score"] is not None), None)


def comparison_sources(plan: Plan, kind: str, published_horizon_fs: float) -> dict[str, list[str]]:
    """Observables of the main rollout at the horizon nearest to the published one."""
    system = system_of_kind(plan, kind)
    if system is None:
        return {}
    horizon = min(plan.rollout_horizons(system), key=lambda h: abs(float(h) - published_horizon_fs))
    where = {"system": system, "run": plan.main_run(system, horizon) or ""}
    return {
        "summary": [at(layout.SUMMARY, **where)],
        "outcome": [at(layout.OUTCOME, **where)],
    }


def read_comparison(sources: dict[str, list[str]]) -> Comparison:
    """Read the summary, the results beside it and the outcome of the rollout."""
    (summary,), (outcome,) = sources["summary"], sources["outcome"]
    return Comparison(
        outcome=json.loads(Path(outcome).read_text(encoding="utf-8")),
        summary=json.loads(Path(summary).read_text(encoding="utf-8"))["rows"],
        results={
            method: {path.stem: load_result(path) for path in sorted((Path(summary).parent / method).glob("*.json"))}
            for method in METHODS
        },
    )


def curve_panel(
    ax: Axes, compared: Comparison, observable: str, name: str, sigmas: float = 1.0, origin: float = 0.0
) -> list[list[Value]]:
    """Draw one curve of MD and rollout with x relative to `origin`; return the data rows, with absolute x."""
    rows: list[list[Value]] = []
    missing = []
    for method, (label, line, band) in METHODS.items():
        curve = compared.curve(method, observable, name)
        if curve is None:
            missing.append(label)
            continue
        draw_curve(ax, replace(curve, x=[x - origin for x in curve.x]), line, band, sigmas)
        errors: Sequence[float | None] = curve.error or [None] * len(curve.x)
        panel = f"{observable} {name}"
        rows += [[panel, label, x, None, y, error] for x, y, error in zip(curve.x, curve.y, errors, strict=True)]
    if missing:
        ax.set_ylim(top=1.25 * ax.get_ylim()[1])  # space for the message
        text = f"no {' and no '.join(missing)}"
        ax.text(0.5, 0.97, text, transform=ax.transAxes, ha="center", va="top", color=ROLLOUT["color"])
    result = compared.results["md"].get(observable)
    if result:
        ax.set_xlabel(result.x_label)
        if result.x_limits:
            ax.set_xlim(*(x - origin for x in result.x_limits))
        for label, x in result.marks.items():
            if x <= ax.get_xlim()[1]:
                ax.axvline(x, **GUIDE)
                ax.annotate(
                    label,
                    (x, 0.6),
                    xycoords=("data", "axes fraction"),
                    xytext=(-2, 0),
                    rotation=90,
                    textcoords="offset points",
                    ha="right",
                    va="top",
                    fontsize=7,
                    color=GUIDE["color"],
                )
    return rows


def score_label(ax: Axes, compared: Comparison, observable: str, name: str, published: str = "") -> list[list[Value]]:
    """Write score, ceiling and published score of a curve into the panel; return the data rows."""
    row = compared.score(observable, name)
    if row is None:
        return []
    spread = row["ceiling_error"]
    lines = [f"score {fixed(row['score'], 3)}"]
    if row["ceiling"] is not None:
        lines.append(f"ceiling {fixed(row['ceiling'], 3)}" + ("" if spread is None else f" ± {fixed(spread, 3)}"))
    if published:
        lines.append(f"paper {published}")
    ax.set_ylim(top=ax.get_ylim()[1] * (1 + 0.13 * len(lines)))  # space above the curves
    ax.text(0.98, 0.98, "\n".join(lines), transform=ax.transAxes, ha="right", va="top", fontsize=7.5, bbox=LABEL_BOX)
    panel = f"score of {observable} {name}"
    return [
        [panel, "rollout", None, None, row["score"], None],
        [panel, "MD against MD", None, None, row["ceiling"], spread],
    ]


def published_text(figure: str, quantity: str) -> str:
    """A published value as stated in the paper, e.g. "≈ 0.95"."""
    row = published_result(figure, quantity)
    return f"{row['relation']} {row['value']}"


def method_legend(figure: Figure, compared: Comparison) -> None:
    """Legend of the two methods, above the panels."""
    horizon = horizon_name(compared.outcome["horizon_fs"])
    handles = [Line2D([], [], **line) for _, line, _ in METHODS.values()]
    figure.legend(handles, ["reference MD", f"rollout, {horizon}"], loc="outside upper center", ncols=2)


def outcome_notes(compared: Comparison, published_horizon_fs: float, observables: Sequence[str]) -> list[str]:
    """Notes on the rollout: its ensemble, a horizon other than the published one, an early end, missing results."""
    outcome = compared.outcome
    notes = [f"Ensemble of the rollout: {outcome['ensemble']}; in the paper: {PUBLISHED_ENSEMBLE}."]
    if abs(outcome["horizon_fs"] - published_horizon_fs) > 1e-6:
        notes.append(f"Horizon: {outcome['horizon_fs']:g} fs; the paper shows {published_horizon_fs:g} fs.")
    if outcome["outcome"] != "completed":
        reached = f"{outcome['time_ps']:g} of {outcome['planned_ps']:g} ps"
        notes.append(f"The rollout ended early ({outcome['outcome']}) after {reached}.")
    for method, (label, _, _) in METHODS.items():
        for result in compared.results[method].values():
            if result.note and result.observable in observables:
                notes.append(f"{result.title}, {label}: {result.note}.")
    return notes
