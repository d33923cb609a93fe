"""Estimate the cost of a run before it starts: jobs, core-hours, GPU-hours, disk space.

Uses Snakemake to find the unfinished jobs in this folder and estimates their cost from measured speeds. Training is
counted to its last epoch or the end of its budget; it may stop earlier.

Examples:
  trajcast plan results/liquid/report.html
  trajcast plan --configfile config/paper.yaml -- results/paper/report.html
"""

from __future__ import annotations

import argparse

from trajcast.pipeline.jobs import add_arguments

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.files import Layers, read_mapping
    from trajcast.pipeline.estimate.report import show
    from trajcast.pipeline.estimate.summary import costs
    from trajcast.pipeline.jobs import need_snakemake, planned_jobs
    from trajcast.pipeline.plan import Plan

    need_snakemake()
    plan = Plan(Layers([(name, read_mapping(name)) for name in ("config.yaml", *arguments.configfile)]))
    show(*costs(plan, planned_jobs(arguments.targets, arguments.configfile)))
