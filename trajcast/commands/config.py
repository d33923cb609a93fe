"""Upgrade configuration files of an earlier version to the present names, keeping comments.

Example:
  trajcast config upgrade config.yaml mine.yaml
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("action", choices=["upgrade"], help="what to do with the files")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="configuration, or settings of one stage")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.upgrade_file import upgrade_file

    for path in arguments.files:
        changes = upgrade_file(path)
        for change in changes:
            print(f"{path}: {change}")
        if not changes:
            print(f"{path}: nothing to change")
