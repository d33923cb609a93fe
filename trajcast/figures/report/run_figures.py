"""Figures of the runs: temperature along the rollouts, training, quality of the reference MD."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from trajcast.figures.curves import LABEL_BOX
from trajcast.figures.report.inputs import Study
from trajcast.figures.style import GUIDE, WIDTH_IN, horizon_style

MEV = 1000.0


def temperature_figure(study: Study) -> Figure:
    """Kinetic temperature along each rollout, with its target."""
    runs = study.runs
    figure = Figure(figsize=(WIDTH_IN, 0.4 + 1.55 * len(runs)), layout="constrained")
    axes = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
    target = float(study.settings["temperature_K"])
    for index, (ax, run) in enumerate(zip(axes, runs, strict=True)):
        times, kelvin = run.temperature.times_ps, run.temperature.kelvin
        colour = horizon_style(index)["color"]
        planned = run.outcome["planned_ps"]
        ax.axhline(target, **GUIDE)
        if len(times):
            ax.plot(times, kelvin, color=colour, linewidth=0.5, alpha=0.55, marker="." if len(times) == 1 else None)
            ax.plot(*_smoothed(times, kelvin), color=colour, linewidth=1.8)
            spread = np.concatenate([kelvin, [target]])
            low, high = np.percentile(spread, [0.0, 100.0])
            margin = 0.15 * max(high - low, 1.0)
            ax.set_ylim(max(0.0, low - margin), high + 2.2 * margin)
        else:
            ax.set_ylim(0.8 * target, 1.2 * target)
            ax.text(0.5, 0.7, "no frames saved", transform=ax.transAxes, ha="center", color=colour)
        if run.outcome["outcome"] != "completed":
            reached = run.outcome["time_ps"]
            ax.axvline(reached, color=colour, linewidth=1.2, linestyle="--")
            ax.axvspan(reached, planned, color="#000000", alpha=0.05, linewidth=0)
        ax.set_ylabel("T / K")
        label = f"{run.title}: {run.outcome['outcome']}"
        ax.text(0.995, 0.95, label, transform=ax.transAxes, ha="right", va="top", fontweight="bold", bbox=LABEL_BOX)
    axes[-1].set_xlim(0, max(run.outcome["planned_ps"] for run in runs))
    axes[-1].set_xlabel("time after equilibration / ps")
    return figure


def _smoothed(times: NDArray, values: NDArray, blocks: int = 50) -> tuple[NDArray, NDArray]:
    """Averages over about `blocks` blocks of consecutive frames."""
    size = max(1, len(values) // blocks)
    whole = len(values) // size * size
    return times[:whole].reshape(-1, size).mean(1), values[:whole].reshape(-1, size).mean(1)


def training_figure(study: Study) -> Figure:
    """Losses and relative errors against training time, for all models trained in this workflow."""
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for index, run in enumerate(study.runs):
        if run.metrics is None:
            continue
        colour = horizon_style(index)["color"]
        minutes = run.metrics["time_s"] / 60
        points = {"marker": ".", "markersize": 3} if len(minutes) < 40 else {}
        left.plot(minutes, run.metrics["training_loss"], color=colour, linestyle=":", **points)
        left.plot(minutes, run.metrics["validation_loss"], color=colour, label=run.title, **points)
        right.plot(minutes, run.metrics["velocity_mae_percent"], color=colour, **points)
        right.plot(minutes, run.metrics["training_velocity_mae_percent"], color=colour, linestyle=":", **points)
        right.plot(minutes, run.metrics["displacement_mae_percent"], color=colour, linestyle="--", **points)
    left.set_ylabel("loss")
    right.set_ylabel("MAE / %")
    grey: dict[str, Any] = {"color": "#555555"}
    left.add_artist(_line_key(left, {"validation": grey, "training": {**grey, "linestyle": ":"}}))
    of_pairs = {
        "v′, validation": grey,
        "v′, training pairs": {**grey, "linestyle": ":"},
        "Δr, validation": {**grey, "linestyle": "--"},
    }
    right.add_artist(_line_key(right, of_pairs))
    for ax in (left, right):
        ax.set_xlabel("training time / min")
        ax.set_yscale("log")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=max(1, len(handles)), handlelength=3.2)
    return figure


def _line_key(ax: Axes, lines: dict[str, dict[str, Any]]) -> Legend:
    return ax.legend([Line2D([], [], **look) for look in lines.values()], list(lines), loc="upper right")


def health_figure(study: Study) -> Figure:
    """Energy conservation of the NVE runs and mean temperature of all reference runs."""
    figure = Figure(figsize=(WIDTH_IN, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for index, (name, (times, energy)) in enumerate(study.energies.items()):
        stride = max(1, len(times) // 1500)
        per_atom = (energy - energy.mean()) * MEV / study.spec.n_atoms
        left.plot(times[::stride], per_atom[::stride], linewidth=0.9, label=name, **_grey(index, len(study.energies)))
    left.set_xlabel("time / ps")
    left.set_ylabel("(E − ⟨E⟩) / N / meV")
    if study.energies:
        left.legend(ncols=6, loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=7.5, handlelength=1.5)
    for place, row in enumerate(study.health):
        right.errorbar(
            place,
            row["temperature_K"],
            yerr=row["temperature_error_K"],
            fmt="o" if row["passed"] else "X",
            color="#2b2b2b" if row["passed"] else "#D55E00",
            capsize=3,
            markersize=4,
        )
        low, high = row["target_K"] - row["allowed_K"], row["target_K"] + row["allowed_K"]
        right.fill_between([place - 0.4, place + 0.4], low, high, color="#0072B2", alpha=0.13, linewidth=0)
        right.plot([place - 0.4, place + 0.4], [row["target_K"]] * 2, color="#0072B2", linewidth=0.9)
    right.set_xticks(range(len(study.health)), [row["run"] for row in study.health])
    right.set_ylabel("⟨T⟩ / K")
    right.grid(axis="x", visible=False)
    return figure


def _grey(index: int, count: int) -> dict[str, str]:
    return {"color": str(0.1 + 0.6 * index / max(1, count - 1))}
