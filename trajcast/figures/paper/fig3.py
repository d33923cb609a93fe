"""Figure 3: vibrational densities of states and potential energy of quartz at a horizon of 30 fs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels
from trajcast.figures.paper.comparison import comparison_sources, method_legend, outcome_notes, read_comparison
from trajcast.figures.paper.panels import energy_panel, vdos_panels

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

HORIZON_FS = 30.0


def sources(plan: Plan) -> dict[str, list[str]]:
    """Observables of quartz."""
    return comparison_sources(plan, "crystal", HORIZON_FS)


def draw(sources: dict[str, list[str]]) -> Drawing:
    """Spectra of the elements and energy distribution."""
    compared = read_comparison(sources)
    elements = compared.names("vdos")
    figure = Figure(figsize=(PRINT_WIDTH_IN, 2.5), layout="constrained")
    axes = figure.subplots(1, len(elements) + 1, squeeze=False)[0]
    rows = vdos_panels(axes[:-1], compared, elements, "fig3")
    rows += energy_panel(axes[-1], compared)
    letter_panels(axes)
    method_legend(figure, compared)
    return Drawing(
        title="Quartz: vibrations and energy",
        caption="Vibrational density of states of each element and distribution of the potential energy, recomputed "
        "with the reference potential. Ceiling: score of MD against MD. Dark: reference MD; dashed: rollout; bands: "
        "one standard error on either side.",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=outcome_notes(compared, HORIZON_FS, ["vdos", "energy"]),
    )
