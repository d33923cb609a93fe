"""Show which jobs are done, running, stopped, failed or waiting, their nodes and their remaining time.

Also shows each model's last validation error and the length of its rollouts. Reads the files that commands write while
they run, and the list of jobs from Snakemake; this has no side effects and is possible at any time.

Examples:
  trajcast status results/liquid/report.html
  trajcast status --configfile config/paper.yaml --output status.html -- results/paper/report.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.io.path_checks import OutputFile

COLUMNS = 132  # minimum width: wrapped lines are more legible than squeezed cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from trajcast.pipeline.jobs import add_arguments as add_jobs

    add_jobs(parser)
    parser.add_argument("--output", type=OutputFile, metavar="HTML", help="also write the status to this page")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from concurrent.futures import ThreadPoolExecutor
    from datetime import datetime

    from rich.console import Console

    from trajcast.io.files import write_text
    from trajcast.pipeline.jobs import planned_jobs
    from trajcast.pipeline.status.states import states
    from trajcast.pipeline.status.tables import page, status

    selection = arguments.targets, arguments.configfile
    with ThreadPoolExecutor() as pool:
        all_jobs = pool.submit(planned_jobs, *selection, finished=True)
        seen = states(unfinished=planned_jobs(*selection), jobs=all_jobs.result())
    shown = status(seen)
    console = Console(highlight=False)
    console.width = max(console.width, COLUMNS)
    console.print(shown)
    if arguments.output is not None:
        write_text(arguments.output, page(shown, f"{Path.cwd()}, {datetime.now():%d %B %Y %H:%M}"))
