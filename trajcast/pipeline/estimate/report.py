"""The cost estimate as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from trajcast.pipeline.estimate.speeds import machines
from trajcast.pipeline.estimate.summary import Cost, total

COLUMNS = ("jobs", "core-hours\nwithout GPU", "with GPU, at\nmost: GPU-hours", "\nand core-hours", "GB\non disk")


def show(rows: Sequence[Cost], unpriced: Sequence[str]) -> None:
    """Print the costs, their total and the origin of the speeds."""
    console = Console(soft_wrap=True, highlight=False)
    if not rows:
        console.print("Estimated cost: nothing is left to do.")
        return
    table = Table(title="Estimated cost", title_justify="left", box=None)
    for name in ("system", "stage"):
        table.add_column(name, no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row.system, row.stage, *_cells(row))
    table.add_section()
    table.add_row("total", "", *_cells(total(rows)), style="bold")
    console.print(table)
    console.print(
        "Training is counted to its last epoch or the end of its budget. Speeds were measured on "
        f"{', '.join(machines('cpu'))}; GPU: {', '.join(machines('gpu'))} (trajcast/pipeline/estimate/speeds.csv)."
    )
    console.print(
        "GPU-hours are an upper bound: they use speeds of the authors' code in double precision, whose overhead does "
        "not shrink with the network."
    )
    if unpriced:
        console.print(f"Not counted: {', '.join(unpriced)}")


def _cells(cost: Cost) -> list[str]:
    hours = (cost.core_hours, cost.gpu_hours, cost.core_hours_beside_gpu)
    return [str(cost.jobs), *(_rounded(value) for value in (*hours, cost.disk_GB))]


def _rounded(value: float) -> str:
    """Two significant digits, the accuracy of an estimate."""
    return "0" if value < 0.005 else f"{float(f'{value:.2g}'):,g}"
