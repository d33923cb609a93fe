"""Write one self-contained HTML page about a system: verdict, figures, tables, settings, versions.

Reads the workflow's results (results/<system>): reference MD, the rollouts with their observables (FOLDER/runs/NAME),
and the folders of their models.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--folder", type=Path, required=True, help="results of one system, e.g. results/liquid")
    parser.add_argument("--runs", nargs="+", required=True, metavar="NAME", help="folders of FOLDER/runs to show")
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, metavar="DIR", help="folder of each rollout's model"
    )
    parser.add_argument("--timings", type=Path, metavar="DIR", help="Snakemake benchmark files (TSV), e.g. logs/liquid")
    parser.add_argument(
        "--timestep", type=Path, nargs="*", default=[], metavar="JSON", help="result of `trajcast timestep`"
    )
    parser.add_argument("--output", type=OutputFile, required=True, help="HTML file to write")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.core.errors import UserError
    from trajcast.figures.report.page import write_report

    runs, models = arguments.runs, arguments.models
    if len(runs) != len(models):
        raise UserError(f"--models has {len(models)} folders for {len(runs)} rollouts; give one for each")
    write_report(
        arguments.folder,
        dict(zip(runs, models, strict=True)),
        arguments.output,
        arguments.timings,
        arguments.timestep,
    )
