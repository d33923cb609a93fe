"""Tables of the models: errors of one step and of several, and what a step does to the kinetic energy."""

from __future__ import annotations

from ase.data import chemical_symbols

from trajcast.figures.numbers import MISSING, measured, number, number_of
from trajcast.figures.published import published_errors
from trajcast.figures.report.inputs import Study
from trajcast.figures.report.runs import Run
from trajcast.figures.table import Cell, Table, cells, joined, text_cell

PUBLISHED_ERRORS = (
    "displacement_mae_1e-5_A",
    "displacement_mae_percent",
    "velocity_mae_1e-5_A_per_fs",
    "velocity_mae_percent",
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
            number_of(run.parameters),
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
        columns=[
            "Model",
            "Parameters",
            "Training",
            "Test frames",
            "Δr / 10⁻⁵ Å",
            "Δr / %",
            "v′ / 10⁻⁵ Å fs⁻¹",
            "v′ / %",
        ],
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


def repeated_steps_table(study: Study) -> Table | None:
    """Errors after several steps from the model's own predictions; None where no test has them."""
    tests = {run.model_folder: run.test.get("repeated_steps", {}) for run in study.runs}
    elements = sorted({int(z) for found in tests.values() for row in found.values() for z in row["kinetic_energy"]})
    groups = []
    for name, found in tests.items():
        rows = []
        for steps, row in found.items():
            mine: list[str | Cell] = [
                text_cell(steps),
                *(
                    measured(row[f"{quantity}_mae_percent"], row[f"{quantity}_mae_percent_error"])
                    for quantity in ("displacement", "velocity")
                ),
            ]
            for atomic in elements:
                change = row["kinetic_energy"].get(str(atomic))
                mine.append(
                    text_cell(MISSING)
                    if change is None
                    else measured(change["change"] / BALANCE_UNIT, change["change_error"] / BALANCE_UNIT)
                )
            rows.append(cells(mine))
        if rows:
            groups.append((name.removeprefix("model-"), rows))
    if not groups:
        return None
    return Table(
        title="Several steps by itself",
        caption="From states of an NVE run that no training pair is from, without a thermostat, against what MD does: "
        "errors of the displacement since the start and of the velocities, relative to their mean absolute values, and "
        "the change of each element's kinetic energy against MD in 10⁻⁴.",
        columns=["Steps", "Δr / %", "v′ / %", *(f"Kinetic energy of {chemical_symbols[z]}" for z in elements)],
        groups=groups,
    )
