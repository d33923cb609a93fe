"""Say what a run will cost before it begins: jobs, core-hours, GPU-hours, disk.

Asks Snakemake which jobs are still to be done in this folder and prices them with measured speeds. Training is priced
to its last epoch or the end of its budget; it may well stop earlier.

Examples:
  trajcast plan results/liquid/report.html
  trajcast plan --configfile config/paper.yaml -- results/paper/report.html
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="results (default: the report of every system)")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="YAML", help="laid over config.yaml, as in Snakemake"
    )


def run(arguments: argparse.Namespace) -> None:
    from importlib.util import find_spec

    from trajcast.config import read_yaml
    from trajcast.errors import UserError
    from trajcast.estimate.jobs import planned_jobs
    from trajcast.estimate.report import show
    from trajcast.estimate.summary import costs
    from trajcast.plan import Plan

    if not find_spec("snakemake"):
        raise UserError('Snakemake is needed; install it with: pip install "trajcast[workflow]"')
    from snakemake.utils import update_config

    values = read_yaml("config.yaml")
    for overlay in arguments.configfile:
        update_config(values, read_yaml(overlay))
    plan = Plan(values)
    show(*costs(plan, planned_jobs(arguments.targets, arguments.configfile)))
