"""The paper's own numbers: small cited tables, comments at their heads say where they stand."""

from __future__ import annotations

from trajcast.io.packaged import packaged_table


def published(table: str) -> list[dict[str, str]]:
    """The rows of one table of this folder, by its name without `.csv`."""
    return packaged_table(__name__, table)


def published_errors(system: str) -> dict[float, dict[str, str]]:
    """The rows of Table S1 for one kind of system (molecule, crystal, liquid), by horizon in fs."""
    return {float(row["horizon_fs"]): row for row in published("table_s1") if row["system"] == system}


def published_results(figure: str, quantity: str) -> dict[str, dict[str, str]]:
    """The rows of one quantity of a figure, kind by kind of system: relation, value, error, unit."""
    rows = [row for row in published("results") if (row["figure"], row["quantity"]) == (figure, quantity)]
    return {row["system"]: row for row in rows}


def published_result(figure: str, quantity: str) -> dict[str, str]:
    """The row of one quantity of a figure that shows one system."""
    (row,) = published_results(figure, quantity).values()
    return row
