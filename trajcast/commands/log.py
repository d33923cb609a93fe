"""Show the last lines of the logs of a rule's jobs, selected by wildcards, the newest last.

Searches `logs/`, including the logs of Slurm jobs. Omitted wildcards match any value.

Examples:
  trajcast log train system=liquid horizon=5
  trajcast log rollout system=liquid --lines 50
  trajcast log thermostat --configfile config/paper.yaml
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("rule", metavar="RULE", help="a rule of workflow/rules, as in `trajcast status`")
    parser.add_argument("wildcards", nargs="*", metavar="KEY=VALUE", help="wildcards of the job")
    parser.add_argument("--lines", type=int, default=10, help="number of last lines to show of each log (default: 10)")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="YAML", help="merged over config.yaml, as in Snakemake"
    )


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.pipeline.status.logs import find_logs, last_lines

    for path in find_logs(arguments.rule, arguments.wildcards, arguments.configfile):
        print(f"==> {path} <==")
        print("".join(f"{line}\n" for line in last_lines(path, arguments.lines)))
