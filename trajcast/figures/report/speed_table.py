"""Speed of the rollouts and of the reference MD, as run and with the largest safe step of each."""

from __future__ import annotations

from typing import Any

from trajcast.figures.numbers import MISSING, number, number_of, plain
from trajcast.figures.report.inputs import Study
from trajcast.figures.report.runs import ReportedRun
from trajcast.figures.table import Cell, Table, cells, text_cell


def speed_table(study: Study) -> Table:
    """Simulated time per day of wall time, for the rollouts and the reference engine."""
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
        caption="Simulated time per day of wall time, including output.",
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
    name = study.engine + (f", {potential}" if potential else "")
    return cells(
        [
            f"{name} (δt = {timestep_fs:g} fs{remark})",
            plain(timestep_fs),
            text_cell(_hardware(speed.get("device", "cpu"), study.provenance)),
            text_cell(MISSING),
            str(speed["threads"]),
            number_of(study.spec.n_atoms),
            number(speed["steps_per_s"], 3),
            number(speed["ns_per_day"], 3),
            ratio,
        ]
    )


def _rollout_row(study: Study, run: ReportedRun) -> list[Cell]:
    outcome, rate = run.outcome, run.outcome["ns_per_day"]
    return cells(
        [
            f"rollout, {run.title}",
            f"{run.horizon_fs:g}",
            text_cell(_hardware(outcome["device"], run.provenance.get("rollout", {}))),
            text_cell(outcome["backend"]),
            str(outcome["threads"]),
            number_of(outcome["atoms"]),
            number(None if rate is None else rate * 1e6 / 86400 / run.horizon_fs, 3),
            number(rate, 3),
            number(None if rate is None else rate / study.provenance["speed"]["ns_per_day"], 3),
        ]
    )


def _hardware(device: str, provenance: dict[str, Any]) -> str:
    """The processor, or the GPU and the processor of its host."""
    processor = provenance.get("machine", {}).get("processor", "unknown processor")
    return f"{device}, {processor}".replace("cpu", "CPU")


def _notes(study: Study) -> list[str]:
    notes = ["The ratio is not normalised by the number of threads."]
    if study.settings.get("potential") is None and not study.settings.get("parameters", {}).get("calculator"):
        notes[0] = (
            "The reference is a classical force field, which is cheap to evaluate: a ratio below 1 means that the "
            f"rollout is slower than the reference MD. {notes[0]}"
        )
    hardware = {_hardware(run.outcome["device"], run.provenance.get("rollout", {})) for run in study.runs}
    hardware.add(_hardware(study.provenance["speed"].get("device", "cpu"), study.provenance))
    if len(hardware) > 1:
        notes.append("The runs used different processors or GPUs, so the ratios are of limited significance.")
    return [*notes, *_at_largest_steps(study)]


def _at_largest_steps(study: Study) -> list[str]:
    """Speed-up with the largest safe step of each method."""
    completed = [run for run in study.runs if run.outcome["outcome"] == "completed" and run.outcome["ns_per_day"]]
    if study.largest_timestep is None or not completed:
        return []
    largest, run = study.largest_timestep, completed[-1]
    md, rollout = largest["ns_per_day"], run.outcome["ns_per_day"]
    return [
        f"With the largest safe step of each method, MD ({largest['timestep_fs']:g} fs, drift "
        f"{number(largest['drift_meV_per_atom_per_ps'], 2)} meV/atom/ps) simulates {number(md, 3)} ns/day and the "
        f"rollout ({run.horizon_fs:g} fs, completed) {number(rollout, 3)} ns/day: "
        f"a factor of {number(rollout / md, 3)}."
    ]
