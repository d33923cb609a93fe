"""Tables of the observables: the verdict, and the numbers of each observable."""

from __future__ import annotations

from typing import Any

from trajcast.figures.numbers import MISSING, fixed, measured, number, unit_text
from trajcast.figures.report.headline import headline
from trajcast.figures.report.inputs import Study
from trajcast.figures.table import Cell, Table, cells
from trajcast.observables.summary import UNRESOLVED, YES


def verdict_table(study: Study) -> Table:
    """Every quantity of reference MD, rollout and second MD run with its verdicts, grouped by rollout."""
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
            scored = row["score"] is not None or row["ceiling"] is not None
            numbers = (
                [MISSING, fixed(row["score"], 3), fixed(row["ceiling"], 3)]
                if scored
                else [measured(row[kind], row[f"{kind}_error"]) for kind in ("md", "rollout", "second")]
            )
            rows.append(
                cells(
                    [
                        f"{'score, ' if scored else ''}{row['quantity']}{unit}{mark}",
                        *numbers,
                        number(row.get("theory")),
                        _verdict(row["within_error"]),
                        _verdict(row["second_within_error"]),
                        _tolerance(row, scored),
                    ]
                )
            )
        groups.append((headline(run), rows))
    return Table(
        title="Verdict by quantity",
        caption="Values with standard errors from block averaging, all computed by the same code at the same frame "
        "spacing. Second MD run: MD from another start, at most as long as the rollout and judged as if it were a "
        "rollout; a perfect model does no better. Score: overlap of a curve with that of the reference (1: identical). "
        "Within error: a value differs from reference MD by no more than Student's t (95 %) times the combined "
        "standard error; for a curve, the blocks score no lower than those of the second run by the same test. A "
        "perfect model misses one in twenty such quantities. Tolerance: a difference that is negligible in practice, "
        "however long the runs; “not resolved”: beyond tolerance, but within error or without an error "
        "estimate. Dash: not measured, or no error "
        "estimate.",
        columns=[
            "Quantity",
            "Reference MD",
            "Rollout",
            "Second MD run",
            "Theory",
            "Rollout within error",
            "Second run within error",
            "Tolerance",
        ],
        groups=groups,
        notes=[f"[{place}] {note}" for note, place in notes.items()],
    )


def _verdict(within: bool | None) -> Cell:
    if within is None:
        return Cell(text=MISSING)
    return Cell(text="✓ yes", kind="good") if within else Cell(text="✗ no", kind="bad")


def _tolerance(row: dict[str, Any], scored: bool) -> Cell:
    within = row["within_tolerance"]
    if within is None or row["tolerance"] is None:
        return Cell(text=MISSING)
    limit = f"{'−' if scored else '± '}{number(row['tolerance'], 1 if scored else 2)}"
    if within == UNRESOLVED:
        return Cell(text=f"{limit}: not resolved")
    return Cell(text=f"{limit}: {'✓' if within == YES else '✗'}", kind="good" if within == YES else "bad")


def scalar_table(study: Study, name: str) -> Table | None:
    """All numbers of one observable for MD and rollout; None if it has none."""
    groups, notes = [], []
    for run in study.runs:
        md, rollout = run.md.get(name), run.rollout.get(name)
        of_md = {scalar.key: scalar for scalar in md.scalars} if md else {}
        of_rollout = {scalar.key: scalar for scalar in rollout.scalars} if rollout else {}
        rows = []
        for key in dict.fromkeys([*of_md, *of_rollout]):
            pair = (of_md.get(key), of_rollout.get(key))
            known = [scalar for scalar in pair if scalar]
            unit, name_of = unit_text(known[0].unit), known[0].name
            theory = next((scalar.theory for scalar in known if scalar.theory is not None), None)
            values = [measured(s.value, s.error) if s else MISSING for s in pair]
            rows.append(cells([f"{name_of} / {unit}" if unit else name_of, *values, number(theory)]))
            for method, scalar in zip(("reference MD", "rollout"), pair, strict=True):
                if scalar and scalar.note:
                    notes.append(f"{run.title}, {method}, {name_of}: {scalar.note}")
        if rows:
            groups.append((run.title, rows))
    if not groups:
        return None
    columns = ["Quantity", "Reference MD", "Rollout", "Theory"]
    return Table(
        title="Numerical results", caption="Values with standard errors.", columns=columns, groups=groups, notes=notes
    )
