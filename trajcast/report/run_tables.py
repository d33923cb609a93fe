"""Tables of the runs themselves: stability, accuracy of one step, speed, health of the reference, time of the jobs."""

from __future__ import annotations

from collections.abc import Sequence

from ase.data import chemical_symbols

from trajcast.paper.published import published_errors
from trajcast.report.inputs import Study
from trajcast.report.numbers import MISSING, duration, fixed, measured, number, number_of, plain, unit_text
from trajcast.report.runs import Run
from trajcast.report.table import Cell, Table, cells, joined, text_cell
from trajcast.report.timings import Job

PUBLISHED_ERRORS = (
    "displacement_mae_1e-5_A",
    "displacement_mae_percent",
    "velocity_mae_1e-5_A_per_fs",
    "velocity_mae_percent",
)


def stability_table(study: Study) -> Table:
    """How each roll-out ended and how far it came."""
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
        title="Stability of the roll-outs",
        caption="A guard ends a roll-out that is not finite, whose atoms overlap, or whose temperature leaves the "
        "allowed band; the frames before it are kept. Time and frames count from the end of the equilibration, steps "
        "from its start; ⟨T⟩ is over the frames kept.",
        columns=[
            "Roll-out",
            "Ensemble",
            "Outcome",
            "Time / ps",
            "Steps",
            "Frames kept",
            "⟨T⟩ / K",
            "Last T / K",
            "Reason",
        ],
        groups=[("", rows)],
    )


def test_error_table(study: Study) -> Table:
    """Mean absolute errors on the test set beside the published ones of the same system, force field and horizon."""
    published = {} if study.settings.get("potential") else published_errors(study.settings["system"])
    beside = any(run.horizon_fs in published for run in study.runs)
    groups = []
    models: dict[tuple[str, float], list[Run]] = {}
    for run in study.runs:
        models.setdefault((run.model_folder, run.horizon_fs), []).append(run)
    for (name, horizon_fs), runs in models.items():
        run, paper = runs[0], published.get(horizon_fs)
        test = run.test
        mine: list[str | Cell] = [
            name.removeprefix("model-"),
            number_of(run.weights),
            run.training_effort or MISSING,
            number_of(test["frames"]),
            number(test["displacement_mae_A"] * 1e5, 3),
            number(test["displacement_mae_percent"], 3),
            number(test["velocity_mae_A_per_fs"] * 1e5, 3),
            number(test["velocity_mae_percent"], 3),
        ]
        rows = [cells(mine)]
        if paper:
            training = f"up to {paper['training_days_up_to']} days, {paper['device']}"
            errors = [paper[key] for key in PUBLISHED_ERRORS]
            rows.append(cells(["published", f"≈ {paper['weights']}", training, paper["test_frames"], *errors]))
        groups.append((f"Δt = {horizon_fs:g} fs, rolled out as {joined([run.name for run in runs])}", rows))
    return Table(
        title="Accuracy of one step",
        caption="Mean absolute errors on the test set, absolute and relative to the mean absolute value over that set"
        + ("; beside them those published for this system and horizon." if beside else "."),
        columns=["Model", "Weights", "Training", "Test frames", "Δr / 10⁻⁵ Å", "Δr / %", "v′ / 10⁻⁵ Å fs⁻¹", "v′ / %"],
        groups=groups,
        notes=[
            "Published: Table S1 of the supplementary information of arXiv:2503.23794v1. Those models are far larger "
            "and were trained for days on a GPU, on other trajectories: a goal, not a like-for-like comparison."
        ]
        if beside
        else [],
    )


BALANCE_UNIT = 1e-4  # of the mean square of an element's new velocities


def balance_table(study: Study) -> Table | None:
    """What a step does to the kinetic energy of each element, for models whose test tells; None where none does."""
    tests = {run.model_folder: run.test.get("kinetic_energy", {}) for run in study.runs}
    groups = [
        (
            name.removeprefix("model-"),
            [
                cells(
                    [
                        text_cell(chemical_symbols[int(atomic)]),
                        *(
                            measured(found[key] / BALANCE_UNIT, found[f"{key}_error"] / BALANCE_UNIT)
                            for key in ("error", "along", "change")
                        ),
                    ]
                )
                for atomic, found in elements.items()
            ],
        )
        for name, elements in tests.items()
        if elements
    ]
    if not groups:
        return None
    return Table(
        title="Kinetic energy in one step",
        caption="On test pairs, in 10⁻⁴ of the mean square of each element's new velocities v′; e: predicted less true "
        "velocity. A network that predicts the mean of what may follow has ⟨e·v′⟩ = −⟨e²⟩ and takes that share of the "
        "kinetic energy in every step; a thermostat gives it back.",
        columns=["Element", "⟨e²⟩", "⟨e·v′⟩", "Change of kinetic energy"],
        groups=groups,
    )


def literature_table(study: Study) -> Table:
    """Quantities of the reference MD beside published ones."""
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
        title="Reference MD and the literature",
        caption="What the force field gives here beside published values; experiments and other models differ from it "
        "by more than the errors.",
        columns=["Quantity", "Unit", "Here", "Published", "Source"],
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
        title="Health of the reference MD",
        caption="Drift of the total energy in the NVE runs, mean temperature with its "
        "standard error against the target and what is allowed, and the degrees of freedom used.",
        notes=[f"The potential warned: {text}" for text in study.warnings]
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


def timing_table(jobs: Sequence[Job]) -> Table | None:
    """Wall time and peak memory of each job of the workflow; None when it kept no benchmarks."""
    if not jobs:
        return None
    rows = [
        cells([job.name, duration(job.wall_s), number(job.memory_GiB, 3), duration(job.processor_s)]) for job in jobs
    ]
    return Table(
        title="Time and memory of the jobs",
        caption=f"As measured by the workflow; {duration(sum(job.wall_s for job in jobs))} in all when run one after "
        "the other.",
        columns=["Job", "Wall time", "Peak memory / GiB", "Processor time"],
        groups=[("", rows)],
    )
