"""List the models that come with the package, or show the page about one of them.

A name that stands in the list serves wherever a command takes --model. The page tells what a model was trained on, its
errors, where it is valid and what its limits are; besides, where its files are.

Examples:
  trajcast models
  trajcast models water-5fs
"""

from __future__ import annotations

import argparse

COLUMNS = 132  # at least: a narrow terminal breaks lines, which loses less than squeezed cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="the model whose page is shown")


def run(arguments: argparse.Namespace) -> None:
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
