"""Physical properties of the data sets that the models were trained on."""

from __future__ import annotations

from typing import Any

from trajcast.data.checks import CHECKS
from trajcast.figures.numbers import MISSING, number, number_of
from trajcast.figures.report.inputs import Study
from trajcast.figures.table import Cell, Table, cells, text_cell

SPLITS = ("training", "validation", "test")


def data_table(study: Study) -> Table | None:
    """Physical properties of every data set with their limits; None if no model records them."""
    sets: dict[float, dict[str, Any]] = {}
    for run in study.runs:
        physics = run.provenance.get("dataset", {}).get("physics")
        if isinstance(physics, dict) and all(isinstance(physics.get(split), dict) for split in SPLITS):
            sets[run.horizon_fs] = physics
    if not sets:
        return None
    groups = [
        (f"Δt = {horizon_fs:g} fs", [_row(split, physics[split]) for split in SPLITS])
        for horizon_fs, physics in sorted(sets.items())
    ]
    limits = [
        "limit",
        "",
        f"≤ {CHECKS['repeats'].limit:g}",
        "",
        f"≤ {CHECKS['momentum'].limit:g}",
        f"≤ {CHECKS['center'].limit:g}",
        f"≤ {CHECKS['energy'].limit:g}",
        f"≥ {CHECKS['distance'].limit:g}",
        f"within a factor of {CHECKS['temperature'].limit:g}",
    ]
    return Table(
        title="Data sets",
        caption="Physical properties of the pairs that the network either imposes or cannot learn. Repeated: fraction "
        "of duplicated frames. Flight: RMS displacement relative to free flight at the RMS velocity. ΔP: RMS change of "
        "the total momentum over the horizon relative to the RMS momentum of an atom (isolated systems: the larger of "
        "this and the corresponding ratio for the angular momentum). Centre: RMS deviation of the centre of mass from "
        "uniform motion relative to the typical displacement of an atom. ΔE: RMS change of the total energy over the "
        "horizon relative to that of the kinetic energy. Closest: smallest interatomic distance relative to the sum of "
        "the covalent radii.",
        columns=[
            "Split",
            "Pairs",
            "Repeated",
            "Flight",
            "ΔP",
            "Centre",
            "ΔE",
            "Closest",
            "Temperatures / K",
        ],
        groups=[*groups, ("", [cells(limits)])],
        notes=["Data beyond a limit are rejected unless dataset.accept names the check (docs/formats.md)."],
    )


def _row(split: str, physics: dict[str, Any]) -> list[Cell]:
    momentum = max(physics["momentum"], physics["angular_momentum"] or 0.0)
    kelvin = ", ".join(f"{name} {value:.0f}" for name, value in physics["temperatures_K"].items())
    closest = MISSING
    if physics["closest"] is not None:
        closest = f"{number(physics['closest'], 3)} ({physics['closest_A']:.3g} Å)"
    return cells(
        [
            text_cell(split),
            number_of(physics["pairs"]),
            number(physics["repeated"], 2),
            number(physics["flight"], 3),
            number(momentum, 2),
            number(physics.get("center"), 2),
            MISSING if physics["energy"] is None else number(physics["energy"], 2),
            closest,
            kelvin,
        ]
    )
