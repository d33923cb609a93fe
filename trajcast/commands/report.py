"""Write one self-contained HTML page about a system: verdict, figures, tables, settings, versions.

Reads the results folder that the workflow fills (results/<system>): the reference MD, and for each horizon the model
folder (--model names it), its roll-out, and the observables.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `trajcast report`."""
    parser.add_argument("--folder", type=Path, required=True, help="results of one system, e.g. results/liquid")
    parser.add_argument("--horizons", type=float, nargs="+", required=True, metavar="FS", help="horizons to show, fs")
    parser.add_argument(
        "--model",
        nargs="+",
        required=True,
        metavar="NAME",
        help="name of the model folder, e.g. model-n8000-s1: one for all horizons, or one for each",
    )
    parser.add_argument("--timings", type=Path, metavar="DIR", help="Snakemake benchmark files (TSV), e.g. logs/liquid")
    parser.add_argument("--timestep", type=Path, nargs="*", default=[], metavar="JSON", help="of `trajcast timestep`")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")


def run(arguments: argparse.Namespace) -> None:
    """Write the page."""
    from trajcast.errors import UserError
    from trajcast.report.page import write_report

    horizons, names = arguments.horizons, arguments.model
    if len(names) not in (1, len(horizons)):
        raise UserError(f"--model has {len(names)} names for {len(horizons)} horizons; give one, or one for each")
    models = dict(zip(horizons, names if len(names) > 1 else names * len(horizons), strict=True))
    write_report(arguments.folder, models, arguments.output, arguments.timings, arguments.timestep)
