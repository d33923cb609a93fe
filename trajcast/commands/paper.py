"""Produce one of the published figures or tables from the workflow's results, or the page that shows them all.

NAME is a figure (fig2 … figS3) or a table (tableS1, tableS2). Writes OUTPUT.csv, OUTPUT.json (title, caption, notes)
and, for a figure, OUTPUT.pdf and OUTPUT.png. With the name `report`, OUTPUT is the HTML page, and the sources are the
JSON files of its figures and tables, by name.
"""

from __future__ import annotations

import argparse
import json

from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", metavar="NAME", help="fig2, fig3, … tableS2, or report")
    parser.add_argument(
        "--sources",
        type=json.loads,
        required=True,
        metavar="JSON",
        help="files to read, by role, as in `sources(plan)` of the figure's module in trajcast/figures/paper",
    )
    parser.add_argument("--output", type=OutputFile, required=True, metavar="PATH", help="e.g. results/paper/fig2")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    if arguments.name == "report":
        from trajcast.figures.paper.page import write_page

        write_page(arguments.sources, arguments.output)
        return

    from trajcast.core.errors import UserError
    from trajcast.figures.drawing import save
    from trajcast.figures.paper import figures
    from trajcast.figures.paper.sources import read_sources
    from trajcast.figures.style import figure_style

    known = figures()
    if arguments.name not in known:
        raise UserError(f"paper: no {arguments.name!r}; choose one of: {', '.join(known)}, report")
    with figure_style():
        save(known[arguments.name].draw(read_sources(arguments.sources)), arguments.output)
