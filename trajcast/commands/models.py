"""List the shipped models, or show the model card of one.

Commands accept these names for --model. The card describes training data, errors, range of validity and limits; the
path of the model's files is shown, too.

Examples:
  trajcast models
  trajcast models water-5fs
"""

from __future__ import annotations

import argparse

COLUMNS = 132  # minimum width: wrapped lines are more legible than squeezed cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="model whose card is shown")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from rich.console import Console
    from rich.table import Table

    from trajcast import shipped

    if arguments.name is not None:
        print(shipped.card(arguments.name))
        print(f"Files: {shipped.resolve(arguments.name).parent}")
        return
    table = Table(box=None)
    for title in ("name", "system", "Δt / fs", "parameters", "v′ error / %", "thermostat", "τ / Δt", ""):
        number = "/" in title or title == "parameters"
        table.add_column(title, justify="right" if number else "left", no_wrap=title != "system")
    for name in shipped.names():
        record = shipped.record(name)
        table.add_row(
            name,
            record["system"],
            f"{record['horizon_fs']:g}",
            str(record["parameters"]),
            f"{record['training']['test']['velocity_mae_percent']:.2f}",
            record["thermostat"]["name"],
            f"{record['thermostat']['tau_horizons']:g}",
            "experimental" if record["experimental"] else "",
        )
    console = Console(highlight=False)
    console.width = max(console.width, COLUMNS)
    console.print(table)
