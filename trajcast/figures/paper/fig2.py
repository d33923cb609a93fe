"""Figure 2: vibrations, energy and free-energy surface of paracetamol at a horizon of 7 fs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from trajcast.config.settings import RolloutSettings
from trajcast.config.validation import read_settings
from trajcast.core.units import BOLTZMANN
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
)
from trajcast.figures.paper.panels import energy_panel, vdos_panels
from trajcast.figures.published import published_result
from trajcast.io import layout
from trajcast.observables.result import Surface

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

HORIZON_FS = 7.0
CUTS = 2  # through the surface, along either dihedral angle at 0° of the other
LEVELS = np.linspace(0.0, 300.0, 13)  # meV
RIGHT_ANGLES = [-180, -90, 0, 90, 180]


def sources(plan: Plan) -> dict[str, list[str]]:
    """Observables of paracetamol, and the settings of the rollout, which give its temperature."""
    found = comparison_sources(plan, "molecule", HORIZON_FS)
    settings = [str(Path(outcome).with_name(layout.ROLLOUT_SETTINGS_FILE)) for outcome in found.get("outcome", [])]
    return found | {"settings": settings} if settings else {}


def draw(sources: dict[str, list[str]]) -> Drawing:
    """Spectra of the elements, energy distribution, cuts through the free-energy surface, and the surface itself."""
    compared = read_comparison(sources)
    thermal_meV = 1000 * BOLTZMANN * read_settings(RolloutSettings, sources["settings"][0]).temperature_K
    elements = compared.names("vdos")
    free = {method: compared.results[method].get("free_energy") for method in METHODS}
    surfaces = {method: result.surface for method, result in free.items() if result and result.surface}
    cuts = [name for name in compared.names("free_energy") if " at " in name][:CUTS]
    figure = Figure(figsize=(PRINT_WIDTH_IN, 6.6 if surfaces else 4.4), layout="constrained")
    grid = figure.add_gridspec(3 if surfaces else 2, 1)
    axes = _row(figure, grid[0], len(elements))
    rows = vdos_panels(axes, compared, elements, "fig2")
    middle = _row(figure, grid[1], 1 + len(cuts))
    rows += energy_panel(middle[0], compared)
    for ax, name in zip(middle[1:], cuts, strict=True):
        rows += _cut_panel(ax, compared, name, thermal_meV)
    lower = _row(figure, grid[-1], len(surfaces))
    for ax, (method, surface) in zip(lower, surfaces.items(), strict=True):
        drawn = _surface_panel(ax, surface, METHODS[method][0])
        rows += _surface_rows(surface, METHODS[method][0])
    if surfaces:
        figure.colorbar(drawn, ax=lower, label="F / meV", ticks=LEVELS[::4])
    axes += middle + lower
    barriers, unknown = _barriers(compared)
    paper = published_result("fig2", "difference of barriers")
    letter_panels(axes)
    method_legend(figure, compared)
    return Drawing(
        title="Paracetamol: vibrations, energy and free energy",
        caption="Vibrational density of states of each element; distribution of the potential energy, recomputed with "
        "the reference force field; cuts through the free-energy surface F = −kT ln P along either dihedral angle at "
        "0° of the other, with the barrier height ΔF; the surface from reference MD and from the rollout (white: not "
        "visited). Ceiling: score of MD against MD. Dark lines: reference MD; dashed lines: rollout; bands: one "
        "standard error on either side. Published: barriers within "
        f"{paper['relation']} {paper['value']} {paper['unit']} of those of MD; here kT = {thermal_meV:.1f} meV.",
        columns=FIGURE_COLUMNS,
        rows=rows + barriers + _differences(compared, thermal_meV),
        figure=figure,
        notes=outcome_notes(compared, HORIZON_FS, ["vdos", "energy", "free_energy"]) + unknown,
    )


def _row(figure: Figure, place: SubplotSpec, panels: int) -> list[Axes]:
    """A row of panels of equal width."""
    parts = place.subgridspec(1, max(1, panels))
    return [figure.add_subplot(parts[0, i]) for i in range(panels)]


def _cut_panel(ax: Axes, compared: Comparison, name: str, thermal_meV: float) -> list[list[Value]]:
    rows = curve_panel(ax, compared, "free_energy", name)
    lines = ["ΔF / meV"]
    for method, (label, _, _) in METHODS.items():
        barrier = compared.scalar(method, "free_energy", f"barrier.{name}")
        lines.append(f"{label} {measured(barrier.value, barrier.error) if barrier else MISSING}")
    paper = published_result("fig2", "difference of barriers")
    lines.append(f"paper: equal within {paper['relation']} {float(paper['value']) * thermal_meV:.0f}")
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    ax.text(0.98, 0.98, "\n".join(lines), transform=ax.transAxes, ha="right", va="top", fontsize=7, bbox=LABEL_BOX)
    ax.set_xticks(RIGHT_ANGLES)
    ax.set_xlabel(f"{name.split(' at ')[0]} / °")
    ax.set_ylabel("F / meV")
    ax.set_title(f"F at {name.split(' at ')[1]}", loc="left")
    return rows


def _barriers(compared: Comparison) -> tuple[list[list[Value]], list[str]]:
    """Data rows of all barriers, and notes on missing ones."""
    rows: list[list[Value]] = []
    notes = []
    for method, (label, _, _) in METHODS.items():
        result = compared.results[method].get("free_energy")
        for barrier in result.scalars if result else []:
            rows.append([f"{barrier.name} / {barrier.unit}", label, None, None, barrier.value, barrier.error])
            if barrier.value is None:
                notes.append(f"No {barrier.name}, {label}: {barrier.note}.")
    return rows, notes


def _differences(compared: Comparison, thermal_meV: float) -> list[list[Value]]:
    """Barriers of the rollout minus those of MD in kT, if both are known, and the largest published difference."""
    paper = published_result("fig2", "difference of barriers")
    md, rollout = (
        {s.key: s for s in result.scalars} if (result := compared.results[method].get("free_energy")) else {}
        for method in ("md", "rollout")
    )
    rows: list[list[Value]] = []
    for key in (key for key in md if key in rollout):
        ours, reference = rollout[key], md[key]
        if ours.value is not None and reference.value is not None:
            errors = [s.error for s in (ours, reference) if s.error is not None]
            error = math.hypot(*errors) / thermal_meV if len(errors) == 2 else None
            difference = (ours.value - reference.value) / thermal_meV
            rows.append([f"{reference.name} / kT", "rollout − MD", None, None, difference, error])
    published = ["|difference of barriers| / kT", "published", None, None, float(paper["value"]), None]
    return [*rows, published]


def _surface_panel(ax: Axes, surface: Surface, label: str) -> QuadContourSet:
    """Filled contours; the first bin is repeated at +180° to close the periodic map."""
    x, y = np.array([*surface.x, 180.0]), np.array([*surface.y, 180.0])
    z = np.array([[np.nan if value is None else value for value in row] for row in surface.z])
    z = np.ma.masked_invalid(np.pad(z, ((0, 1), (0, 1)), mode="wrap"))
    drawn = ax.contourf(x, y, z.T, levels=LEVELS, cmap="viridis", extend="max")
    ax.set(xlabel=surface.x_label, ylabel=surface.y_label, xticks=RIGHT_ANGLES, yticks=RIGHT_ANGLES)
    ax.set_title(f"F, {label}", loc="left")
    ax.grid(visible=False)
    return drawn


def _surface_rows(surface: Surface, label: str) -> list[list[Value]]:
    return [
        [f"F({surface.x_label}, {surface.y_label}) / meV", label, x, y, value, None]
        for x, row in zip(surface.x, surface.z, strict=True)
        for y, value in zip(surface.y, row, strict=True)
        if value is not None
    ]
