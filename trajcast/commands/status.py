"""Say which jobs are done, running, stopped, failed or waiting, on which node, and how long they have left.

With each model's last validation error and how long it has been rolled out. Reads the files that commands leave, also
while they run, and asks Snakemake which jobs there are; it disturbs nothing and may be called at any time.

Examples:
  trajcast status results/liquid/report.html
  trajcast status --configfile config/paper.yaml --output status.html -- results/paper/report.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.io.path_checks import OutputFile

COLUMNS = 132  # at least: a narrow terminal breaks lines, which loses less than squeezed cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from trajcast.pipeline.jobs import add_arguments as add_jobs

    add_jobs(parser)
    parser.add_argument("--output", type=OutputFile, metavar="HTML", help="also write this page")


def run(arguments: argparse.Namespace) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from datetime import datetime

    from rich.console import Console

    from trajcast.io.files import write_text
    from trajcast.pipeline.jobs import planned_jobs
    from trajcast.pipeline.status.states import states
    from trajcast.pipeline.status.tables import page, status

    asked = arguments.targets, arguments.configfile
    with ThreadPoolExecutor() as pool:
        all_jobs = pool.submit(planned_jobs, *asked, finished=True)
        seen = states(unfinished=planned_jobs(*asked), jobs=all_jobs.result())
    shown = status(seen)
    console = Console(highlight=False)
    console.width = max(console.width, COLUMNS)
    console.print(shown)
    if arguments.output is not None:
        write_text(arguments.output, page(shown, f"{Path.cwd()}, {datetime.now():%d %B %Y %H:%M}"))
