"""Speed of the rollouts beside that of the reference, as run and at each one's own largest safe step."""

from __future__ import annotations

from typing import Any

from trajcast.figures.numbers import MISSING, number, number_of, plain
from trajcast.figures.report.inputs import Study
from trajcast.figures.report.runs import Run
from trajcast.figures.table import Cell, Table, cells, text_cell


def speed_table(study: Study) -> Table:
    """Simulated time per day of wall time, rollout against the reference engine."""
    speed = study.provenance["speed"]
    rows = [_reference_row(study, speed, float(study.settings["timestep_fs"]), "", "1")]
    largest = study.largest_timestep
    if largest is not None:
        ratio = number(largest["ns_per_day"] / speed["ns_per_day"], 3)
        remark = ", largest that conserves energy"
        rows.append(_reference_row(study, largest, float(largest["timestep_fs"]), remark, ratio))
    rows += [_rollout_row(study, run) for run in study.runs]
    return Table(
        title="Speed",
        caption="Simulated time per day of wall time, output of frames included.",
        columns=[
            "Method",
            "Step / fs",
            "Device",
            "Backend",
            "Threads",
            "Atoms",
            "Steps / s",
            "ns / day",
            "Ratio to reference",
        ],
        groups=[("", rows)],
        notes=_notes(study),
    )


def _reference_row(study: Study, speed: dict[str, Any], timestep_fs: float, remark: str, ratio: str) -> list[Cell]:
    potential = study.settings.get("potential")
    name = study.settings["engine"] + (f", {potential}" if potential else "")
    return cells(
        [
            f"{name} (δt = {timestep_fs:g} fs{remark})",
            plain(timestep_fs),
            text_cell(_where(speed.get("device", "cpu"), study.provenance)),
            text_cell(MISSING),
            str(speed["threads"]),
            number_of(study.spec.n_atoms),
            number(speed["steps_per_s"], 3),
            number(speed["ns_per_day"], 3),
            ratio,
        ]
    )


def _rollout_row(study: Study, run: Run) -> list[Cell]:
    outcome, rate = run.outcome, run.outcome["ns_per_day"]
    return cells(
        [
            f"rollout, {run.title}",
            f"{run.horizon_fs:g}",
            text_cell(_where(outcome["device"], run.provenance.get("rollout", {}))),
            text_cell(outcome["backend"]),
            str(outcome["threads"]),
            number_of(outcome["atoms"]),
            number(None if rate is None else rate * 1e6 / 86400 / run.horizon_fs, 3),
            number(rate, 3),
            number(None if rate is None else rate / study.provenance["speed"]["ns_per_day"], 3),
        ]
    )


def _where(device: str, provenance: dict[str, Any]) -> str:
    """The processor, or the GPU and the processor beside it."""
    processor = provenance.get("machine", {}).get("processor", "unknown processor")
    return f"{device}, {processor}".replace("cpu", "CPU")


def _notes(study: Study) -> list[str]:
    notes = ["The ratio is not normalised by the number of threads."]
    if study.settings.get("potential") is None and not study.settings.get("parameters", {}).get("calculator"):
        notes[0] = (
            "The reference is a classical force field, which is cheap to evaluate: a ratio below 1 means that the "
            f"rollout is slower than the MD it imitates. {notes[0]}"
        )
    places = {_where(run.outcome["device"], run.provenance.get("rollout", {})) for run in study.runs}
    places.add(_where(study.provenance["speed"].get("device", "cpu"), study.provenance))
    if len(places) > 1:
        notes.append("Not all of these runs were made on the same processor or GPU; their ratios say little.")
    return [*notes, *_at_largest_steps(study)]


def _at_largest_steps(study: Study) -> list[str]:
    """The speed-up that counts: each method at the largest step that was found safe."""
    completed = [run for run in study.runs if run.outcome["outcome"] == "completed" and run.outcome["ns_per_day"]]
    if study.largest_timestep is None or not completed:
        return []
    largest, run = study.largest_timestep, completed[-1]
    md, rollout = largest["ns_per_day"], run.outcome["ns_per_day"]
    return [
        f"At each one's own largest safe step: MD with {largest['timestep_fs']:g} fs (drift "
        f"{number(largest['drift_meV_per_atom_per_ps'], 2)} meV/atom/ps) {number(md, 3)} ns/day, rollout with "
        f"{run.horizon_fs:g} fs (rollout completed) {number(rollout, 3)} ns/day: {number(rollout / md, 3)} times."
    ]
