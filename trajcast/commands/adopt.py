"""Adopt the results of an earlier version, so that the workflow does not produce them again.

Files get their present names and keys; their numbers do not change. Outdated results are set aside, and the next run
produces them again. Use the same targets and --configfile as for Snakemake:
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
    from trajcast.pipeline.adoption.adopt import adopt

    adopted = adopt(arguments.targets, arguments.configfile)
    print(f"{adopted.renamed} files renamed, {adopted.upgraded} upgraded; the results of {adopted.kept} jobs are kept")
    if adopted.resumable:
        print(f"{adopted.resumable} unfinished trainings will resume")
    for path in adopted.unfinished:
        print(f"{path}: an unfinished rollout, which begins again; remove this folder")
    for line in adopted.outdated:
        print(f"{line}; set aside, and produced again by the next run")
    for path in adopted.uncovered:
        print(f"{path}: belongs to none of the targets, and may be made again; name it to have it adopted")
