"""Tables of the models: errors of one and of several steps, and kinetic energy balance of a step."""

from __future__ import annotations

from ase.data import chemical_symbols

from trajcast.figures.numbers import MISSING, measured, number, number_of
from trajcast.figures.published import published_errors
from trajcast.figures.report.inputs import Study
from trajcast.figures.report.runs import ReportedRun
from trajcast.figures.table import Cell, Table, cells, joined, text_cell

PUBLISHED_ERRORS = (
    "displacement_mae_1e-5_A",
    "displacement_mae_percent",
    "velocity_mae_1e-5_A_per_fs",
    "velocity_mae_percent",
)


def test_error_table(study: Study) -> Table:
    """Mean absolute errors on the test set, with those published for the same system, force field and horizon."""
    published = {} if study.settings.get("potential") else published_errors(study.settings["system"])
    compared = any(run.horizon_fs in published for run in study.runs)
    groups = []
    models: dict[tuple[str, float], list[ReportedRun]] = {}
    for run in study.runs:
        models.setdefault((run.model_folder, run.horizon_fs), []).append(run)
    for (name, horizon_fs), runs in models.items():
        run, paper = runs[0], published.get(horizon_fs)
        test = run.test
        row: list[str | Cell] = [
            name.removeprefix("model-"),
            number_of(run.parameters),
            run.training_effort or MISSING,
            number_of(test["frames"]),
            number(test["displacement_mae_A"] * 1e5, 3),
            number(test["displacement_mae_percent"], 3),
            number(test["velocity_mae_A_per_fs"] * 1e5, 3),
            number(test["velocity_mae_percent"], 3),
        ]
        rows = [cells(row)]
        if paper:
            training = f"up to {paper['training_days_up_to']} days, {paper['device']}"
            errors = [paper[key] for key in PUBLISHED_ERRORS]
            rows.append(cells(["published", f"≈ {paper['weights']}", training, paper["test_frames"], *errors]))
        rollouts = f"rollout{'s' if len(runs) > 1 else ''} {joined([run.name for run in runs])}"
        groups.append((f"Δt = {horizon_fs:g} fs, {rollouts}", rows))
    return Table(
        title="One-step accuracy",
        caption="Mean absolute errors on the test set, absolute and relative to the mean absolute value over that set"
        + (", with the errors published for this system and horizon." if compared else "."),
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
            "Published: Table S1 of the supplementary information of arXiv:2503.23794v1. Those models have about 2.2 "
            "million parameters and were trained for days on a GPU, on other trajectories; the comparison is not like "
            "for like."
        ]
        if compared
        else [],
    )


BALANCE_UNIT = 1e-4  # relative to the mean square new velocity of an element


def balance_table(study: Study) -> Table | None:
    """Kinetic energy balance of a step for each element; None if it was not measured for any model."""
    tests = {run.model_folder: run.test.get("kinetic_energy", {}) for run in study.runs}
    groups = [
        (
            name.removeprefix("model-"),
            [
                cells(
                    [
                        text_cell(chemical_symbols[int(atomic)]),
                        *(
                            measured(balance[key] / BALANCE_UNIT, balance[f"{key}_error"] / BALANCE_UNIT)
                            for key in ("error", "along", "change")
                        ),
                    ]
                )
                for atomic, balance in elements.items()
            ],
        )
        for name, elements in tests.items()
        if elements
    ]
    if not groups:
        return None
    return Table(
        title="Kinetic energy balance of one step",
        caption="Averages over test pairs in units of 10⁻⁴ ⟨v′²⟩, with standard errors; v′: true new velocities of an "
        "element, e: predicted minus true velocity. A network that predicts the conditional mean of v′ has "
        "⟨e·v′⟩ = −⟨e²⟩ and thus removes the fraction ⟨e²⟩/⟨v′²⟩ of the kinetic energy in every step; a thermostat "
        "compensates for this loss.",
        columns=["Element", "⟨e²⟩", "⟨e·v′⟩", "Change of kinetic energy"],
        groups=groups,
    )


def repeated_steps_table(study: Study) -> Table | None:
    """Errors after several consecutive steps of the model; None if they were not measured for any model."""
    tests = {run.model_folder: run.test.get("repeated_steps", {}) for run in study.runs}
    elements = sorted({int(z) for test in tests.values() for row in test.values() for z in row["kinetic_energy"]})
    groups = []
    for name, test in tests.items():
        rows = []
        for steps, errors in test.items():
            row: list[str | Cell] = [
                text_cell(steps),
                *(
                    measured(errors[f"{quantity}_mae_percent"], errors[f"{quantity}_mae_percent_error"])
                    for quantity in ("displacement", "velocity")
                ),
            ]
            for atomic in elements:
                change = errors["kinetic_energy"].get(str(atomic))
                row.append(
                    text_cell(MISSING)
                    if change is None
                    else measured(change["change"] / BALANCE_UNIT, change["change_error"] / BALANCE_UNIT)
                )
            rows.append(cells(row))
        if rows:
            groups.append((name.removeprefix("model-"), rows))
    if not groups:
        return None
    return Table(
        title="Accuracy of several consecutive steps",
        caption="Short rollouts without a thermostat, compared with MD from the same states of an NVE run outside the "
        "training set: mean absolute errors of the displacement since the start and of the velocity, relative to the "
        "mean absolute values, and relative deviation of each element's kinetic energy from MD in units of 10⁻⁴; with "
        "standard errors.",
        columns=["Steps", "Δr / %", "v′ / %", *(f"Kinetic energy of {chemical_symbols[z]}" for z in elements)],
        groups=groups,
    )
