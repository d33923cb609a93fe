"""Figure S1: learning curves: test errors of both outputs against the number of training samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing, Value
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels, logarithmic
from trajcast.figures.paper.model_errors import ModelErrors, curve, horizons, learning_sources, read_model_errors
from trajcast.figures.paper.panels import points_with_errors, seed_notes
from trajcast.figures.paper.sources import of_kinds
from trajcast.figures.published import SUBSTANCES, published_errors
from trajcast.figures.style import ordered_style

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

QUANTITIES = {"displacement_percent": "MAE of Δr / %", "velocity_percent": "MAE of v′ / %"}
PUBLISHED_COLUMNS = {"displacement_percent": "displacement_mae_percent", "velocity_percent": "velocity_mae_percent"}


def sources(plan: Plan) -> dict[str, list[str]]:
    """Test errors of all models if learning curves are configured."""
    return learning_sources(plan)


def draw(sources: dict[str, list[str]]) -> Drawing:
    """One row of panels per output, one column per system, one line per horizon."""
    errors = {kind: read_model_errors(files) for kind, files in of_kinds(sources).items()}
    figure = Figure(figsize=(PRINT_WIDTH_IN, 5.4), layout="constrained")
    axes = figure.subplots(len(QUANTITIES), len(errors), squeeze=False, sharex="col")
    rows: list[list[Value]] = []
    for column, (kind, models) in enumerate(errors.items()):
        for ax, (quantity, label) in zip(axes[:, column], QUANTITIES.items(), strict=True):
            rows += _panel(ax, kind, models, quantity)
            ax.set_title(SUBSTANCES[kind], loc="left")
            ax.set_ylabel(label if column == 0 else "")
        axes[-1, column].set_xlabel("training samples")
        axes[0, column].legend(
            title="Δt / fs", ncols=4, fontsize=7, title_fontsize=7, handlelength=1, columnspacing=0.8
        )
        axes[0, column].set_ylim(top=4 * axes[0, column].get_ylim()[1])  # space for the legend
    letter_panels(axes.flat)
    return Drawing(
        title="Learning curves",
        caption="Mean absolute errors on the test set, relative to the mean absolute value of the same quantity over "
        "that set, against the number of training samples, for each horizon. Points: means over seeds with standard "
        "errors. Open symbols: published errors of the best models (Table S1).",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=seed_notes(errors),
    )


def _panel(ax: Axes, kind: str, errors: list[ModelErrors], quantity: str) -> list[list[Value]]:
    rows: list[list[Value]] = []
    published = published_errors(kind)
    panel = f"{SUBSTANCES[kind]}, {QUANTITIES[quantity]}"
    shown = horizons(errors)
    for place, horizon in enumerate(shown):
        look = ordered_style(place, len(shown))
        rows += points_with_errors(
            ax, panel, f"{horizon:g} fs", curve(errors, horizon, quantity), label=f"{horizon:g}", markersize=4, **look
        )
        if horizon in published:
            row = published[horizon]
            size, value = int(row["training_samples"]), float(row[PUBLISHED_COLUMNS[quantity]])
            ax.plot(size, value, **look | {"markerfacecolor": "white", "markersize": 5})
            rows.append([panel, f"{horizon:g} fs, published", size, None, value, None])
    logarithmic(ax, x=True, y=True)
    return rows
