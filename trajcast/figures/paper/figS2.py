"""Figure S2: error and width of the temperature of NVT rollouts against the horizon, for each relaxation time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing, Value
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels
from trajcast.figures.paper import KINDS, system_of_kind
from trajcast.figures.paper.comparison import PUBLISHED_ENSEMBLE
from trajcast.figures.paper.model_errors import Estimate, over_seeds
from trajcast.figures.paper.panels import points_with_errors
from trajcast.figures.paper.sources import of_kinds
from trajcast.figures.published import SUBSTANCES, published_results
from trajcast.figures.style import GUIDE, PUBLISHED, THEORY, horizon_style
from trajcast.pipeline import studies

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

PUBLISHED_TAU = 100
PAPER: dict[str, Any] = {"color": PUBLISHED["color"], "linestyle": ":", "linewidth": 1.1}


@dataclass(frozen=True, kw_only=True)
class ThermostatRun:
    """Temperature of one rollout of the thermostat study; None if it ended early."""

    horizon_fs: float
    tau_horizons: float
    seed: int
    target_K: float
    mean_K: float | None
    width_K: float | None
    theory_K: float | None  # canonical width
    atoms: int
    ensemble: str
    ended: str  # outcome of a rollout that ended early, otherwise empty


def sources(plan: Plan) -> dict[str, list[str]]:
    """Temperatures and outcomes of the thermostat study of each system."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        if system := system_of_kind(plan, kind):
            runs = [Path(studies.thermostat_run(plan, system, *run)) for run in studies.thermostat_runs(plan, system)]
            found[kind] = [str(path) for run in runs for path in (run, run.with_name(f"{run.stem}-outcome.json"))]
    return {kind: paths for kind, paths in found.items() if paths}


def draw(sources: dict[str, list[str]]) -> Drawing:
    """Mean of T minus its target at the top, width of T with its theory at the bottom, one column per system."""
    runs = {kind: _read(files) for kind, files in of_kinds(sources).items()}
    figure = Figure(figsize=(PRINT_WIDTH_IN, 4.6), layout="constrained")
    axes = figure.subplots(2, len(runs), squeeze=False, sharex="col")
    rows: list[list[Value]] = []
    for column, (kind, study) in enumerate(runs.items()):
        rows += _column(axes[0, column], axes[1, column], kind, study)
    axes[0, 0].set_ylabel("⟨T⟩ − target / K")
    axes[1, 0].set_ylabel("σ(T) / K")
    letter_panels(axes.flat)
    handles, labels = max((ax.get_legend_handles_labels() for ax in axes[1]), key=lambda both: len(both[1]))
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return Drawing(
        title="Temperature of NVT rollouts for several relaxation times of the thermostat",
        caption="Mean temperature minus target temperature, and standard deviation of the temperature, against the "
        "horizon Δt for relaxation times τ in multiples of Δt. Points: means over seeds with standard errors; crosses: "
        "horizons at which a rollout ended early and is excluded. Theory: T √(2/dof) with the number of degrees of "
        "freedom dof. Violet: the paper's theory, T √(2/3N), and its largest error of the mean for "
        f"τ = {PUBLISHED_TAU:g} Δt, drawn on both sides of zero because the paper states neither its sign nor its "
        "horizon.",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=_notes(runs),
    )


def _read(paths: Sequence[str]) -> list[ThermostatRun]:
    runs = []
    for path in map(Path, paths):
        if path.stem.endswith("-outcome"):
            continue
        summary = json.loads(path.read_text(encoding="utf-8"))
        outcome = json.loads(path.with_name(f"{path.stem}-outcome.json").read_text(encoding="utf-8"))
        early = outcome["outcome"] != "completed"
        runs.append(
            ThermostatRun(
                horizon_fs=outcome["horizon_fs"],
                tau_horizons=summary["tau_horizons"],
                seed=summary["seed"],
                target_K=summary["target_K"],
                mean_K=None if early else summary["mean_K"],
                width_K=None if early else summary["width_K"],
                theory_K=summary["theory_width_K"],
                atoms=outcome["atoms"],
                ensemble=outcome["ensemble"],
                ended=outcome["outcome"] if early else "",
            )
        )
    return runs


def _column(above: Axes, below: Axes, kind: str, runs: Sequence[ThermostatRun]) -> list[list[Value]]:
    rows: list[list[Value]] = []
    substance = SUBSTANCES[kind]
    above.axhline(0, **GUIDE)
    theory = next((run.theory_K for run in runs if run.theory_K is not None), None)
    if theory is not None:
        below.axhline(theory, **THEORY, label="theory")
        rows.append([f"{substance}, σ(T) / K", "theory", None, None, theory, None])
    rows += _published(above, below, kind, runs[0])
    for place, tau in enumerate(sorted({run.tau_horizons for run in runs})):
        same_tau = [run for run in runs if run.tau_horizons == tau]
        look = {"label": f"τ = {tau:g} Δt", "marker": "os^Dv"[place % 5], "markersize": 4, **horizon_style(place)}
        errors = [(run.horizon_fs, run.mean_K - run.target_K) for run in same_tau if run.mean_K is not None]
        widths = [(run.horizon_fs, run.width_K) for run in same_tau if run.width_K is not None]
        for ax, values, label in ((above, errors, "⟨T⟩ − target / K"), (below, widths, "σ(T) / K")):
            rows += points_with_errors(ax, f"{substance}, {label}", f"τ = {tau:g} Δt", _by_horizon(values), **look)
        ended = sorted({run.horizon_fs for run in same_tau if run.ended})
        above.plot(
            ended, [0.04 + 0.06 * place] * len(ended), "x", color=look["color"], transform=above.get_xaxis_transform()
        )
    above.set_title(substance, loc="left")
    below.set_title(substance, loc="left")
    below.set_xlabel("Δt / fs")
    return rows


def _published(above: Axes, below: Axes, kind: str, run: ThermostatRun) -> list[list[Value]]:
    """The paper's formula for the width and, if stated, its largest error of the mean."""
    formula = run.target_K * float(np.sqrt(2 / (3 * run.atoms)))
    below.axhline(formula, **PAPER, label="paper")
    rows: list[list[Value]] = [[f"{SUBSTANCES[kind]}, σ(T) / K", "theory, published", None, None, formula, None]]
    if paper := published_results("figS2", f"temperature error at τ = {PUBLISHED_TAU} Δt").get(kind):
        largest = float(paper["value"])
        for sign in (-1, 1):
            above.axhline(sign * largest, **PAPER)
        series = f"τ = {PUBLISHED_TAU} Δt, published largest"
        rows.append([f"{SUBSTANCES[kind]}, |⟨T⟩ − target| / K", series, None, None, largest, None])
    return rows


def _by_horizon(values: Sequence[tuple[float, float]]) -> dict[float, Estimate]:
    return {h: over_seeds([value for at, value in values if at == h]) for h in sorted({at for at, _ in values})}


def _notes(runs: dict[str, list[ThermostatRun]]) -> list[str]:
    notes = []
    for kind, study in runs.items():
        ensembles = ", ".join(dict.fromkeys(run.ensemble for run in study))
        notes.append(f"{SUBSTANCES[kind]}, ensemble of the rollouts: {ensembles}; in the paper: {PUBLISHED_ENSEMBLE}.")
        ended = [run for run in study if run.ended]
        if ended:
            which = dict.fromkeys(
                f"{run.horizon_fs:g} fs with τ = {run.tau_horizons:g} Δt ({run.ended})" for run in ended
            )
            notes.append(
                f"{SUBSTANCES[kind]}: {len(ended)} of {len(study)} rollouts are excluded because they ended early: "
                f"{', '.join(which)}."
            )
    single = [SUBSTANCES[kind] for kind, study in runs.items() if len({run.seed for run in study}) < 2]
    if single:
        notes.append(f"No error bars with only one seed ({', '.join(single)}).")
    return notes
