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
    parser.add_argument("--model", required=True, help="name of the model folder, e.g. model-n8000-s1")
    parser.add_argument("--timings", type=Path, metavar="DIR", help="Snakemake benchmark files (TSV), e.g. logs/liquid")
    parser.add_argument("--output", type=Path, required=True, help="HTML file to write")


def run(arguments: argparse.Namespace) -> None:
    """Write the page."""
    from trajcast.report.page import write_report

    write_report(arguments.folder, arguments.horizons, arguments.model, arguments.output, arguments.timings)
