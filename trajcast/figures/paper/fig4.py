"""Figure 4: vibrations, diffusion and structure of water at a horizon of 5 fs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trajcast.figures.curves import LABEL_BOX
from trajcast.figures.drawing import FIGURE_COLUMNS, Drawing, Value
from trajcast.figures.numbers import MISSING, measured
from trajcast.figures.panels import PRINT_WIDTH_IN, letter_panels
from trajcast.figures.paper.comparison import (
    METHODS,
    Comparison,
    comparison_sources,
    curve_panel,
    method_legend,
    outcome_notes,
    read_comparison,
    score_label,
)
from trajcast.figures.paper.panels import vdos_panels
from trajcast.figures.published import published_result

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

HORIZON_FS = 5.0
SIGMAS = 3.0  # half width of the band of the mean squared displacement in standard errors, as published
RDF_LIMIT = 4.0  # upper end of the axis; peaks of bonded pairs are ten times higher than the liquid structure


def sources(plan: Plan) -> dict[str, list[str]]:
    """Observables of water."""
    return comparison_sources(plan, "liquid", HORIZON_FS)


def draw(sources: dict[str, list[str]]) -> Drawing:
    """Spectra of the elements, mean squared displacement with D, radial distribution functions."""
    compared = read_comparison(sources)
    elements, pairs = compared.names("vdos"), compared.names("rdf")
    columns = max(len(elements) + 1, len(pairs))
    figure = Figure(figsize=(PRINT_WIDTH_IN, 4.8), layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False)
    rows = vdos_panels(axes[0, : len(elements)], compared, elements, "fig4")
    rows += _diffusion_panel(axes[0, len(elements)], compared)
    for place, (ax, pair) in enumerate(zip(axes[1], pairs, strict=False)):
        rows += curve_panel(ax, compared, "rdf", pair)
        ax.set_xlim(left=0)
        ax.set_ylim(0, min(ax.get_ylim()[1], RDF_LIMIT))
        rows += score_label(ax, compared, "rdf", pair)
        ax.set_title(f"RDF {pair}", loc="left")
        ax.set_ylabel("g(r)" if place == 0 else "")
    used = [*axes[0, : len(elements) + 1], *axes[1, : len(pairs)]]
    for ax in axes.flat:
        ax.set_visible(any(ax is shown for shown in used))
    letter_panels(used)
    method_legend(figure, compared)
    return Drawing(
        title="Water: vibrations, diffusion and structure",
        caption="Vibrational density of states of each element; mean squared displacement of the heaviest element "
        "with the diffusion coefficient D; radial distribution functions including bonded pairs, whose peaks are "
        "truncated. Ceiling: score of MD against MD. Dark: reference MD; dashed: rollout; bands: one standard error on "
        "either side (mean squared displacement: three). D is not corrected for the finite size of the box. Published "
        "D: 4 blocks, fit from 1 to 10 ps.",
        columns=FIGURE_COLUMNS,
        rows=rows,
        figure=figure,
        notes=outcome_notes(compared, HORIZON_FS, ["vdos", "msd", "rdf"]),
    )


def _diffusion_panel(ax: Axes, compared: Comparison) -> list[list[Value]]:
    name = next(iter(compared.names("msd")), "O")
    rows = curve_panel(ax, compared, "msd", name, SIGMAS)
    ax.set_title(f"MSD of {name}", loc="left")
    ax.set_ylabel("MSD / Å²")
    lines = ["D / 10⁻⁹ m² s⁻¹"]
    for method, (label, _, _) in METHODS.items():
        found = compared.scalar(method, "msd", f"diffusion.{name}")
        quantity = "D of MD" if method == "md" else "D of the rollout"
        paper = published_result("fig4", quantity)
        lines.append(f"{label} {measured(found.value, found.error) if found else MISSING}")
        if found is not None and found.value is not None:
            rows.append([f"D / {found.unit}", label, None, None, found.value, found.error])
        lines.append(f"  paper {paper['value']} ± {paper['error']}")
        rows.append([f"D / {paper['unit']}", f"{label}, published", None, None, paper["value"], paper["error"]])
    ax.set_ylim(0, 1.2 * ax.get_ylim()[1])
    ax.text(0.04, 0.98, "\n".join(lines), transform=ax.transAxes, ha="left", va="top", fontsize=7, bbox=LABEL_BOX)
    return rows
