"""Table S1: test errors of both outputs at every horizon, with the published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trajcast.figures.drawing import Drawing, Value
from trajcast.figures.paper import KINDS
from trajcast.figures.paper.model_errors import (
    best_trained,
    horizons,
    model_error_sources,
    over_seeds,
    read_model_errors,
)
from trajcast.figures.published import SUBSTANCES, published_errors

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

COLUMNS = {  # published column → attribute of `ModelErrors`, factor to the published unit, name in the table
    "displacement_mae_1e-5_A": ("displacement_A", 1e5, "Δr / 10⁻⁵ Å"),
    "displacement_mae_percent": ("displacement_percent", 1.0, "Δr / %"),
    "velocity_mae_1e-5_A_per_fs": ("velocity_A_per_fs", 1e5, "v′ / 10⁻⁵ Å fs⁻¹"),
    "velocity_mae_percent": ("velocity_percent", 1.0, "v′ / %"),
}


def sources(plan: Plan) -> dict[str, list[str]]:
    """Test errors of all models."""
    return model_error_sources(plan)


def draw(sources: dict[str, list[str]]) -> Drawing:
    """One row per system and horizon of the paper or of this run."""
    columns = ["system", "Δt / fs", "samples", "seeds"]
    for _, _, name in COLUMNS.values():
        columns += [name, f"± {name}", f"{name}, published"]
    rows = []
    for kind in KINDS:
        errors, published = read_model_errors(sources.get(kind, [])), published_errors(kind)
        for horizon in sorted({*horizons(errors), *published}):
            best = best_trained(errors, horizon)
            row: list[Value] = [SUBSTANCES[kind], horizon, best[0].samples if best else None, len(best) or None]
            for column, (attribute, scale, _) in COLUMNS.items():
                mean = over_seeds([scale * getattr(error, attribute) for error in best]) if best else None
                paper = published.get(horizon)
                row += [
                    mean.value if mean else None,
                    mean.error if mean else None,
                    float(paper[column]) if paper else None,
                ]
            rows.append(row)
    return Drawing(
        title="Test errors",
        caption="Mean absolute errors on the test set of the models with the most samples, absolute and relative to "
        "the mean absolute value over that set: means over seeds with standard errors (±; none for one seed). "
        "Published: Table S1 of arXiv:2503.23794v1, best models of about 2.2 million parameters, trained for days.",
        columns=columns,
        rows=rows,
        notes=[],
    )
