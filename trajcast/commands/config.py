"""Rewrite configuration files of an earlier version with the names of this one; comments stay.

trajcast config upgrade config.yaml mine.yaml
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["upgrade"], help="what to do with the files")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="configuration, or one stage's settings")


def run(arguments: argparse.Namespace) -> None:
    from trajcast.config.upgrade import upgrade_file

    for path in arguments.files:
        changes = upgrade_file(path)
        for change in changes:
            print(f"{path}: {change}")
        if not changes:
            print(f"{path}: nothing to change")
