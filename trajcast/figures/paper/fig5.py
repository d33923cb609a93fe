"""Figure 5: one-step accuracy: parity of velocities, error against MTM, exponents of the learning curves.

MTM is the horizon in timesteps of the reference MD.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import read_settings
from trajcast.figures.curves import horizon_name
from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing, Value
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels, logarithmic
from trajcast.figures.paper import KINDS, system_of_kind
from trajcast.figures.paper.model_errors import (
    ModelErrors,
    best_trained,
    exponent,
    horizons,
    learning_sources,
    over_seeds,
    read_model_errors,
)
from trajcast.figures.paper.panels import points_with_errors, seed_notes
from trajcast.figures.paper.sources import of_kinds
from trajcast.figures.published import SUBSTANCES, published_errors, published_result
from trajcast.figures.style import ELEMENTS, GUIDE, PUBLISHED, SYSTEMS
from trajcast.io import layout
from trajcast.io.layout import at

if TYPE_CHECKING:
    from trajcast.figures.paper.parity import Parity
    from trajcast.pipeline.plan import Plan

PARITY_HORIZONS_FS = (0.5, 15.0)
VELOCITY = "velocity_percent"


def sources(plan: Plan) -> dict[str, list[str]]:
    """Test errors and MD timesteps of every system; models and data of the first system for the parity plots."""
    found = learning_sources(plan)
    for kind in list(found):
        system = system_of_kind(plan, kind)
        found[f"{kind} reference"] = [at(layout.REFERENCE_SETTINGS, system=system)]
    system = next((name for kind in KINDS if (name := system_of_kind(plan, kind))), None)
    if system and found:
        near = [min(plan.horizons(system), key=lambda h: abs(float(h) - wanted)) for wanted in PARITY_HORIZONS_FS]
        for horizon in dict.fromkeys(near):
            model = plan.main_model_folder(system, horizon)
            data = at(layout.DATASET, system=system, horizon=horizon)
            files = [f"{model}/{layout.WEIGHTS_FILE}", f"{model}/{layout.RECORD_FILE}", data]
            found[f"parity at {horizon} fs"] = files
    return found


def draw(sources: dict[str, list[str]]) -> Drawing:
    """Parity plots at the top, errors and exponents against MTM at the bottom."""
    from trajcast.figures.paper.parity import parity  # needs PyTorch, unlike `sources`

    shown = [parity(Path(files[0]), Path(files[2])) for role, files in sources.items() if role.startswith("parity")]
    errors = {kind: read_model_errors(files) for kind, files in of_kinds(sources).items()}
    steps = {kind: read_settings(ReferenceSettings, sources[f"{kind} reference"][0]).timestep_fs for kind in errors}
    figure = Figure(figsize=(PRINT_WIDTH_IN, 6.2), layout="constrained")
    axes = figure.subplots(2, 2)
    rows: list[list[Value]] = []
    for ax, data in zip(axes[0], shown, strict=False):
        rows += _parity_panel(ax, data)
    for ax in axes[0, len(shown) :]:
        ax.set_visible(False)
    rows += _error_panel(axes[1, 0], errors, steps)
    rows += _exponent_panel(axes[1, 1], errors, steps)
    letter_panels(ax for ax in axes.flat if ax.get_visible())
    return Drawing(
        title="One-step accuracy",
        caption="Top: predicted against true velocity components of test pairs, with the mean absolute error. "
        "Bottom: relative mean absolute error of the velocity against MTM, the horizon in timesteps of the reference "
        "MD, and exponent s of the learning curves, error ∝ samples^s. Points: means over seeds with standard errors. "
        "Published: diamonds (Table S1, coloured by system) and shaded range (exponents of quartz).",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=seed_notes(errors),
    )


def _parity_panel(ax: Axes, data: Parity) -> list[list[Value]]:
    bound = 1.05 * float(np.abs(data.true).max())
    ax.plot([-bound, bound], [-bound, bound], **GUIDE)
    for symbol in sorted(set(data.element), key=list(ELEMENTS).index):
        atoms = data.element == symbol
        ax.plot(data.true[atoms], data.predicted[atoms], ".", markersize=2, color=ELEMENTS[symbol], rasterized=True)
    marks = [Line2D([], [], marker="o", linestyle="none", color=ELEMENTS[s]) for s in sorted(set(data.element))]
    ax.legend(marks, sorted(set(data.element)), loc="upper left", handletextpad=0.1)
    percent = 100 * np.abs(data.predicted - data.true).mean() / np.abs(data.true).mean()
    ax.text(0.97, 0.05, f"MAE {percent:.3g} %", transform=ax.transAxes, ha="right")
    ax.set(xlim=(-bound, bound), ylim=(-bound, bound), xlabel="true v′ / Å fs⁻¹", ylabel="predicted v′ / Å fs⁻¹")
    ax.set_title(f"Velocities, {horizon_name(data.horizon_fs)}", loc="left")
    panel = f"parity of v′ / Å fs⁻¹, {data.horizon_fs:g} fs"
    return [
        [panel, symbol, true, None, predicted, None]
        for symbol, true, predicted in zip(
            data.element.tolist(), data.true.tolist(), data.predicted.tolist(), strict=True
        )
    ]


def _error_panel(ax: Axes, errors: dict[str, list[ModelErrors]], steps: dict[str, float]) -> list[list[Value]]:
    rows: list[list[Value]] = []
    panel = "MAE of v′ / %"
    for kind, models in errors.items():
        substance = SUBSTANCES[kind]
        means = {
            horizon / steps[kind]: over_seeds([getattr(e, VELOCITY) for e in best_trained(models, horizon)])
            for horizon in horizons(models)
        }
        rows += points_with_errors(ax, panel, substance, means, label=substance, **SYSTEMS[kind])
        paper = {h / steps[kind]: float(row["velocity_mae_percent"]) for h, row in published_errors(kind).items()}
        look = PUBLISHED | {"color": SYSTEMS[kind]["color"], "linestyle": ":", "linewidth": 0.8}
        ax.plot(list(paper), list(paper.values()), markersize=4, **look)
        rows += [[panel, f"{substance}, published", mtm, None, value, None] for mtm, value in paper.items()]
    ax.set(xlabel="MTM = Δt / δt", ylabel=panel)
    logarithmic(ax, x=True, y=True)
    ax.set_title("Error", loc="left")
    handles, labels = ax.get_legend_handles_labels()
    handles.append(Line2D([], [], **PUBLISHED | {"color": GUIDE["color"]}, markersize=4))
    ax.legend(handles, [*labels, "published"])
    return rows


def _exponent_panel(ax: Axes, errors: dict[str, list[ModelErrors]], steps: dict[str, float]) -> list[list[Value]]:
    rows: list[list[Value]] = []
    panel = "exponent s of MAE(v′) ∝ samples^s"
    low, high = (float(published_result("fig5", f"{which} exponent")["value"]) for which in ("lowest", "highest"))
    crystal = SUBSTANCES["crystal"]
    ax.axhspan(low, high, color=SYSTEMS["crystal"]["color"], alpha=0.2, linewidth=0, label=f"{crystal}, published")
    rows += [[panel, f"{crystal}, published range", None, None, bound, None] for bound in (low, high)]
    for kind, models in errors.items():
        fits = {horizon / steps[kind]: exponent(models, horizon, VELOCITY) for horizon in horizons(models)}
        known = {mtm: fit for mtm, fit in fits.items() if fit is not None}
        if known:
            rows += points_with_errors(ax, panel, SUBSTANCES[kind], known, **SYSTEMS[kind])
    if len(rows) == 2:
        text = "no model was trained\non a subset of the data"
        ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center")
        ax.set_ylim(-0.7, 0.0)
    ax.set(xlabel="MTM = Δt / δt", ylabel="exponent s")
    ax.legend()
    logarithmic(ax, x=True)
    ax.set_title("Learning", loc="left")
    return rows
