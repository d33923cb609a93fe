"""Panels shared by several figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from trajcast.figures.drawing import Value
from trajcast.figures.paper.comparison import Comparison, curve_panel, published_text, score_label
from trajcast.figures.paper.model_errors import Estimate, ModelErrors, horizons
from trajcast.figures.published import SUBSTANCES


def vdos_panels(axes: Iterable[Axes], compared: Comparison, elements: list[str], figure: str) -> list[list[Value]]:
    """Draw the spectrum of each element with its score; return the data rows."""
    rows: list[list[Value]] = []
    for place, (ax, element) in enumerate(zip(axes, elements, strict=True)):
        rows += curve_panel(ax, compared, "vdos", element)
        rows += score_label(ax, compared, "vdos", element, published_text(figure, "VDOS score"))
        ax.set_title(f"VDOS of {element}", loc="left")
        ax.set_ylim(bottom=0)
        ax.set_yticks([])  # normalised to unit sum, so the scale depends on the wavenumber grid
        if place == 0:
            ax.set_ylabel("intensity")
    return rows


def energy_panel(ax: Axes, compared: Comparison) -> list[list[Value]]:
    """Draw the distribution of the potential energy; return the data rows."""
    mean = compared.scalar("md", "energy", "energy")
    known = mean is not None and mean.value is not None
    rows = curve_panel(ax, compared, "energy", "potential energy", origin=mean.value if mean and mean.value else 0.0)
    if known:
        low, high = ax.get_xlim()
        ax.set_xlim(low / 2, high / 2)  # half the range of the system's page
    ax.set_xlabel("E − ⟨E⟩ of MD /\nmeV per atom" if known else "E / meV per atom")
    ax.set_ylabel("density / atom meV⁻¹")
    ax.set_title("Energy", loc="left")
    ax.set_ylim(bottom=0)
    return rows


def points_with_errors(
    ax: Axes, panel: str, series: str, found: Mapping[int, Estimate] | Mapping[float, Estimate], **look: Any
) -> list[list[Value]]:
    """Draw estimates against x, with error bars if known; return the data rows."""
    known = any(estimate.error is not None for estimate in found.values())
    bars = [estimate.error or 0.0 for estimate in found.values()] if known else None
    ax.errorbar(list(found), [estimate.value for estimate in found.values()], bars, capsize=2, **look)
    return [[panel, series, x, None, estimate.value, estimate.error] for x, estimate in found.items()]


def seed_notes(errors: Mapping[str, Sequence[ModelErrors]]) -> list[str]:
    """A note on systems with points that have no error bars because only one seed was trained."""
    single = []
    for kind, models in errors.items():
        seeds = [{e.seed for e in models if e.horizon_fs == horizon} for horizon in horizons(models)]
        if any(len(at_horizon) < 2 for at_horizon in seeds):
            single.append(SUBSTANCES[kind])
    return [f"No error bars at horizons with only one seed ({', '.join(single)})."] if single else []
