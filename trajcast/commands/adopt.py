"""Take over the results of an earlier version, so that the workflow does not make them again.

Files get their present names and keys; their numbers stay. What the configuration no longer asks for is made anew by
the next run. Give the same targets and --configfile as to Snakemake:
  trajcast adopt
  trajcast adopt --configfile config/figures.yaml -- results/paper/report.html
"""

from __future__ import annotations

import argparse

from trajcast.pipeline.jobs import add_arguments as add_job_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_job_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.pipeline.adopt import adopt

    found = adopt(arguments.targets, arguments.configfile)
    print(f"{found.renamed} files renamed, {found.upgraded} upgraded; the results of {found.kept} jobs are kept")
    for line in found.outdated:
        print(f"{line}; set aside, and made anew by the next run")
