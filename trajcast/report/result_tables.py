"""Tables of what was observed: the verdict, and the numbers of each observable."""

from __future__ import annotations

from typing import Any

from trajcast.observables.summary import SIGMAS
from trajcast.report.inputs import HorizonRun, Study
from trajcast.report.numbers import MISSING, fixed, measured, number, plain, unit_text
from trajcast.report.observable_figure import horizon_name
from trajcast.report.table import Cell, Table, cells


def verdict_table(study: Study) -> Table:
    """Each measured quantity of MD and forecast, its score and the ceiling, horizon by horizon."""
    groups = []
    notes: dict[str, int] = {}
    for run in study.runs:
        rows = []
        for row in run.summary:
            mark = ""
            if row.get("note"):
                notes.setdefault(row["note"], len(notes) + 1)
                mark = f" [{notes[row['note']]}]"
            unit = f" / {unit_text(row['unit'])}" if row["unit"] else ""
            rows.append(
                cells(
                    [
                        f"{row['quantity']}{unit}{mark}",
                        measured(row["md"], row["md_error"]),
                        measured(row["forecast"], row["forecast_error"]),
                        number(row.get("theory")),
                        fixed(row["score"], 3),
                        _ceiling(row),
                        _verdict(row["within_error"]),
                    ]
                )
            )
        groups.append((f"{horizon_name(run.horizon_fs)} – {_outcome_phrase(run)} – {_count_phrase(run)}", rows))
    return Table(
        title="Verdict",
        caption="MD and forecast with standard errors from blocks; both are measured by the same code at the "
        "same frame spacing. Score: overlap of the two curves, 1 is identity. Ceiling: the score of two independent "
        "halves of the reference MD against each other, with its standard deviation. Within error: MD and forecast "
        f"differ by at most {SIGMAS:g} combined standard errors, or the score is no more than {SIGMAS:g} standard "
        "deviations below the ceiling. A dash: not measured, or without an error to judge by.",
        columns=["Quantity", "Reference MD", "Forecast", "Theory", "Score", "Ceiling", "Within error"],
        groups=groups,
        notes=[f"[{place}] {note}" for note, place in notes.items()],
    )


def _ceiling(row: dict[str, Any]) -> str:
    spread = row.get("ceiling_error")
    return fixed(row["ceiling"], 3) + (f" ± {fixed(spread, 3)}" if spread is not None else "")


def _verdict(within: bool | None) -> Cell:
    if within is None:
        return Cell(text=MISSING)
    return Cell(text="✓ yes", kind="good") if within else Cell(text="✗ no", kind="bad")


def _count_phrase(run: HorizonRun) -> str:
    judged = [row["within_error"] for row in run.summary if row["within_error"] is not None]
    return f"{sum(judged)} of {len(judged)} quantities within error"


def _outcome_phrase(run: HorizonRun) -> str:
    outcome = run.outcome
    if outcome["outcome"] == "completed":
        return f"roll-out completed, {plain(outcome['planned_ps'])} ps"
    reached = f"{plain(outcome['time_ps'])} ps of {plain(outcome['planned_ps'])} ps"
    return f"roll-out ended early ({outcome['outcome']}) at {reached}"


def scalar_table(study: Study, name: str) -> Table | None:
    """All numbers of one observable, MD and forecast beside each other; None when it has none."""
    groups, notes = [], []
    for run in study.runs:
        md, forecast = run.md.get(name), run.forecast.get(name)
        of_md = {scalar.name: scalar for scalar in md.scalars} if md else {}
        of_forecast = {scalar.name: scalar for scalar in forecast.scalars} if forecast else {}
        rows = []
        for key in dict.fromkeys([*of_md, *of_forecast]):
            pair = (of_md.get(key), of_forecast.get(key))
            known = [scalar for scalar in pair if scalar]
            unit = unit_text(known[0].unit)
            theory = next((scalar.theory for scalar in known if scalar.theory is not None), None)
            values = [measured(s.value, s.error) if s else MISSING for s in pair]
            rows.append(cells([f"{key} / {unit}" if unit else key, *values, number(theory)]))
            for who, scalar in zip(("reference MD", "forecast"), pair, strict=True):
                if scalar and scalar.note:
                    notes.append(f"{horizon_name(run.horizon_fs)}, {who}, {key}: {scalar.note}")
        if rows:
            groups.append((horizon_name(run.horizon_fs), rows))
    if not groups:
        return None
    columns = ["Quantity", "Reference MD", "Forecast", "Theory"]
    return Table(
        title="Numbers from this figure", caption="With standard errors.", columns=columns, groups=groups, notes=notes
    )
