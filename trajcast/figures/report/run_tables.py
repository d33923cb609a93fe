"""Tables of the runs: stability of the rollouts, quality of the reference MD, timings of the jobs."""

from __future__ import annotations

from collections.abc import Sequence

from trajcast.figures.numbers import MISSING, duration, fixed, measured, number, number_of, plain, unit_text
from trajcast.figures.report.inputs import Study
from trajcast.figures.report.timings import JobTiming
from trajcast.figures.table import Cell, Table, cells, text_cell


def stability_table(study: Study) -> Table:
    """Outcome and length of each rollout."""
    rows = []
    for run in study.runs:
        outcome, kelvin = run.outcome, run.temperature.kelvin
        completed = outcome["outcome"] == "completed"
        rows.append(
            cells(
                [
                    run.title,
                    text_cell(outcome["ensemble"]),
                    Cell(text=outcome["outcome"], kind="good" if completed else "bad"),
                    f"{plain(outcome['time_ps'])} of {plain(outcome['planned_ps'])}",
                    f"{outcome['step']:,} of {outcome['steps_planned']:,}".replace(",", " "),
                    number_of(outcome["frames"]),
                    fixed(float(kelvin.mean()) if len(kelvin) else None, 1),
                    fixed(float(kelvin[-1]) if len(kelvin) else None, 1),
                    text_cell(outcome["reason"] or MISSING),
                ]
            )
        )
    return Table(
        title="Stability of the rollouts",
        caption="A guard ends a rollout if a value is not finite, if atoms overlap or if the temperature leaves the "
        "allowed range; the frames up to then are saved. Time and frames are counted from the end of the "
        "equilibration, steps from its start; ⟨T⟩: mean over the saved frames.",
        columns=[
            "Rollout",
            "Ensemble",
            "Outcome",
            "Time / ps",
            "Steps",
            "Frames saved",
            "⟨T⟩ / K",
            "Final T / K",
            "Reason",
        ],
        groups=[("", rows)],
    )


def literature_table(study: Study) -> Table:
    """Quantities of the reference MD with published values."""
    rows = [
        cells(
            [
                text_cell(row["quantity"]),
                text_cell(unit_text(row["unit"])),
                measured(row["value"], row["error"]),
                measured(row["published"], row["published_error"]),
                text_cell(row["source"]),
            ]
        )
        for row in study.literature
    ]
    return Table(
        title="Comparison of the reference MD with the literature",
        caption="Results of the force field in this work and published values. Experiments and other force fields "
        "differ from it by more than the statistical errors.",
        columns=["Quantity", "Unit", "This work", "Published", "Source"],
        groups=[("", rows)],
    )


def health_table(study: Study) -> Table:
    """Energy conservation and temperature of every reference run."""
    rows = [
        cells(
            [
                row["run"],
                text_cell(row["ensemble"]),
                plain(row["duration_ps"]),
                number_of(row["frames"]),
                number(row["drift_meV_per_atom_per_ps"], 2),
                measured(row["temperature_K"], row["temperature_error_K"]),
                f"{plain(row['target_K'])} ± {number(row['allowed_K'], 3)}",
                plain(row["degrees_of_freedom"]),
                Cell(text="✓ passed", kind="good") if row["passed"] else Cell(text="✗ failed", kind="bad"),
            ]
        )
        for row in study.health
    ]
    return Table(
        title="Quality of the reference MD",
        caption="Drift of the total energy in the NVE runs, mean temperature with its standard error, target "
        "temperature with the accepted deviation, and number of degrees of freedom.",
        notes=[f"Warning of the potential: {text}" for text in study.warnings]
        + [f"SHA-256 of the potential's weights: {digest}" for digest in study.weights_sha256],
        columns=[
            "Run",
            "Ensemble",
            "Length / ps",
            "Frames",
            "Drift / meV atom⁻¹ ps⁻¹",
            "⟨T⟩ / K",
            "Target / K",
            "Degrees of freedom",
            "Check",
        ],
        groups=[("", rows)],
    )


def timing_table(jobs: Sequence[JobTiming]) -> Table | None:
    """Wall time and peak memory of each job of the workflow; None without benchmark files."""
    if not jobs:
        return None
    rows = [
        cells([job.name, duration(job.wall_s), number(job.memory_GiB, 3), duration(job.processor_s)]) for job in jobs
    ]
    return Table(
        title="Run time and memory of the jobs",
        caption=f"As measured by the workflow; sum of the wall times: {duration(sum(job.wall_s for job in jobs))}.",
        columns=["Job", "Wall time", "Peak memory / GiB", "CPU time"],
        groups=[("", rows)],
    )
