"""Size transfer: structure, vibrations and energies of cells larger than the training cell, against MD of that size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing, Value
from trajcast.figures.numbers import number_of, plain
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels
from trajcast.figures.paper.comparison import METHODS, curve_panel, read_comparison, score_label
from trajcast.figures.paper.larger import larger_sources
from trajcast.figures.paper.panels import energy_panel

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

RDF_LIMIT = 8.0  # upper end of the axis; peaks of bonded pairs are higher
RDFS = 2  # per system, for the heaviest pairs


def sources(plan: Plan) -> dict[str, list[str]]:
    """Summaries and outcomes of all rollouts of larger cells."""
    return larger_sources(plan)


def draw(sources: dict[str, list[str]]) -> Drawing:
    """One row of panels per rollout: spectra of two elements, two radial distribution functions, energies."""
    figure = Figure(figsize=(PRINT_WIDTH_IN, 0.6 + 2.5 * len(sources)), layout="constrained")
    axes = figure.subplots(len(sources), 5, squeeze=False)
    rows: list[list[Value]] = []
    notes: list[str] = []
    for line, (name, files) in zip(axes, sources.items(), strict=True):
        compared = read_comparison({"summary": files[:1], "outcome": files[1:]})
        outcome, panels = compared.outcome, []
        for place, element in enumerate(compared.names("vdos")[:2]):
            panels += curve_panel(line[place], compared, "vdos", element)
            panels += score_label(line[place], compared, "vdos", element)
            line[place].set_title(f"VDOS of {element}", loc="left")
            line[place].set_yticks([])
            line[place].set_xlabel("ν̃ / cm⁻¹")  # five panels in a row leave no space for a longer label
            line[place].set_ylabel(f"{number_of(outcome['atoms'])} atoms" if place == 0 else "")
        for ax, pair in zip(line[2 : 2 + RDFS], compared.names("rdf"), strict=False):
            panels += curve_panel(ax, compared, "rdf", pair)
            ax.set_ylim(0, min(ax.get_ylim()[1], RDF_LIMIT))
            panels += score_label(ax, compared, "rdf", pair)
            ax.set_title(f"RDF {pair}", loc="left")
        panels += energy_panel(line[4], compared)
        rows += [[f"{name}: {panel}", *rest] for panel, *rest in panels]
        ended = "" if outcome["outcome"] == "completed" else f", ended early ({outcome['outcome']})"
        notes.append(
            f"{name}: {number_of(outcome['atoms'])} atoms, {plain(outcome['time_ps'])} ps at a horizon of "
            f"{outcome['horizon_fs']:g} fs, {outcome['ensemble']}{ended}."
        )
    letter_panels(axes.flat)
    figure.legend(
        [Line2D([], [], **line) for _, line, _ in METHODS.values()],
        ["reference MD of the same cell", "rollout"],
        loc="outside upper center",
        ncols=2,
    )
    return Drawing(
        title="Transfer to larger cells",
        caption="Vibrational densities of states, radial distribution functions (high peaks are truncated) and "
        "distribution of the potential energy of cells larger than the training cell, against MD of the same cell. "
        "Ceiling: score of a second MD run at most as long. Dark: reference MD; dashed: rollout; bands: one "
        "standard error on either side.",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=notes,
    )
