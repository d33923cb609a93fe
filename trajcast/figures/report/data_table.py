"""The physics checks of the data sets that models were trained on."""

from __future__ import annotations

from typing import Any

from trajcast.data.checks import CHECKS
from trajcast.figures.numbers import MISSING, number, number_of
from trajcast.figures.report.inputs import Study
from trajcast.figures.table import Cell, Table, cells, text_cell

SPLITS = ("training", "validation", "test")


def data_table(study: Study) -> Table | None:
    """What was found of every data set, beside its limits; None where no model's record tells."""
    sets: dict[float, dict[str, Any]] = {}
    for run in study.runs:
        found = run.provenance.get("dataset", {}).get("physics")
        if isinstance(found, dict) and all(isinstance(found.get(split), dict) for split in SPLITS):
            sets[run.horizon_fs] = found
    if not sets:
        return None
    groups = [
        (f"Δt = {horizon_fs:g} fs", [_row(split, found[split]) for split in SPLITS])
        for horizon_fs, found in sorted(sets.items())
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
        caption="Physics of the pairs, which the network imposes or cannot learn. Flight: RMS displacement over that "
        "of free flight at the RMS velocity. ΔP: RMS change of the total momentum over the horizon, in an atom's RMS "
        "momentum (isolated systems: or angular momentum, the larger). Centre: how far the centre of mass is "
        "from where P takes it, in an atom's step. ΔE: that of the total energy in that of the "
        "kinetic energy. Closest: smallest distance over the sum of the covalent radii.",
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
        notes=["What lies beyond a limit is refused, unless dataset.accept names the check (docs/formats.md)."],
    )


def _row(split: str, found: dict[str, Any]) -> list[Cell]:
    momentum = max(found["momentum"], found["angular_momentum"] or 0.0)
    kelvin = ", ".join(f"{name} {value:.0f}" for name, value in found["temperatures_K"].items())
    return cells(
        [
            text_cell(split),
            number_of(found["pairs"]),
            number(found["repeated"], 2),
            number(found["flight"], 3),
            number(momentum, 2),
            number(found.get("center"), 2),
            MISSING if found["energy"] is None else number(found["energy"], 2),
            MISSING if found["closest"] is None else f"{number(found['closest'], 3)} ({found['closest_A']:.3g} Å)",
            kelvin,
        ]
    )
