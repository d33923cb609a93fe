"""Size transfer in numbers: temperatures, energies, diffusion and scores of larger cells, against MD of that size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trajcast.figures.drawing import Drawing, Value
from trajcast.figures.numbers import number_of, plain, unit_text
from trajcast.figures.paper.comparison import read_comparison
from trajcast.figures.paper.larger import larger_sources

if TYPE_CHECKING:
    from trajcast.pipeline.plan import Plan

COLUMNS = [
    "system",
    "quantity",
    "reference MD",
    "± reference MD",
    "rollout",
    "± rollout",
    "second MD run",
    "± second",
]


def sources(plan: Plan) -> dict[str, list[str]]:
    """Summaries and outcomes of all rollouts of larger cells."""
    return larger_sources(plan)


def draw(sources: dict[str, list[str]]) -> Drawing:
    """One row per quantity in the summary of each rollout."""
    rows: list[list[Value]] = []
    for name, files in sources.items():
        compared = read_comparison({"summary": files[:1], "outcome": files[1:]})
        outcome = compared.outcome
        heading = f"{name}: {number_of(outcome['atoms'])} atoms, {plain(outcome['time_ps'])} ps, {outcome['outcome']}"
        for row in compared.summary:
            if row["score"] is not None:
                scores: list[Value] = [f"score, {row['quantity']}", None, None, row["score"], None]
                rows.append([heading, *scores, row["ceiling"], row["ceiling_error"]])
                continue
            quantity = f"{row['quantity']} / {unit_text(row['unit'])}" if row["unit"] else row["quantity"]
            numbers = [row[key] for kind in ("md", "rollout", "second") for key in (kind, f"{kind}_error")]
            rows.append([heading, quantity, *numbers])
    return Drawing(
        title="Transfer to larger cells: numerical results",
        caption="Means with standard errors from block averaging, and scores of curves against reference MD. Second "
        "MD run: MD from another start, as long as the rollout, judged as if it were a rollout.",
        columns=COLUMNS,
        rows=rows,
        notes=[],
    )
