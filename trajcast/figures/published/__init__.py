"""Published numbers of the paper: small tables, each with its source in the comments at its head."""

from __future__ import annotations

from trajcast.io.packaged import packaged_table

SUBSTANCES = {"molecule": "paracetamol", "crystal": "quartz", "liquid": "water"}
"""Substance of each of the paper's systems, by the name of its module in `trajcast/reference/systems/`."""


def published(table: str) -> list[dict[str, str]]:
    """Rows of a table in this folder, given by its file name without `.csv`."""
    return packaged_table(__name__, table)


def published_errors(system: str) -> dict[float, dict[str, str]]:
    """Rows of Table S1 for one system (molecule, crystal, liquid), by horizon in fs."""
    return {float(row["horizon_fs"]): row for row in published("table_s1") if row["system"] == system}


def published_results(figure: str, quantity: str) -> dict[str, dict[str, str]]:
    """Rows of one quantity of a figure (relation, value, error, unit), by system."""
    rows = [row for row in published("results") if (row["figure"], row["quantity"]) == (figure, quantity)]
    return {row["system"]: row for row in rows}


def published_result(figure: str, quantity: str) -> dict[str, str]:
    """Row of a quantity that the figure gives for one system only."""
    (row,) = published_results(figure, quantity).values()
    return row
