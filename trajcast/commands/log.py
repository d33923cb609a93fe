"""Find the logs of a rule's jobs by their wildcards, the newest last, and show how they end.

Snakemake's `logs/` and the logs of Slurm's jobs. Wildcards that are left out may have any value.

Examples:
  trajcast log train system=liquid horizon=5
  trajcast log rollout system=liquid --lines 50
  trajcast log thermostat --configfile config/paper.yaml
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rule", metavar="RULE", help="a rule of workflow/rules, as in `trajcast status`")
    parser.add_argument("wildcards", nargs="*", metavar="KEY=VALUE", help="wildcards of the job")
    parser.add_argument("--lines", type=int, default=10, help="last lines that are shown of each (default: 10)")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="YAML", help="laid over config.yaml, as in Snakemake"
    )


def run(arguments: argparse.Namespace) -> None:
    from trajcast.pipeline.status.logs import find_logs, last_lines

    for path in find_logs(arguments.rule, arguments.wildcards, arguments.configfile):
        print(f"==> {path} <==")
        print("".join(f"{line}\n" for line in last_lines(path, arguments.lines)))
