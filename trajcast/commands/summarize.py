"""Summarise the observables of a long reference MD run in small files, for `trajcast observe --md`.

Writes the record reference.json and one folder per frame spacing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `observables`")
    parser.add_argument("--reference-settings", type=Path, required=True, metavar="YAML", help="section `reference`")
    parser.add_argument("--md", type=Path, required=True, metavar="FILE", help="reference MD (H5MD)")
    parser.add_argument("--spacings-fs", type=float, nargs="+", required=True, metavar="FS", help="frame spacings, fs")
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder of the summary")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.schema import ObservableSettings, ReferenceSettings
    from trajcast.config.validation import read_settings
    from trajcast.io.trajectory import Trajectory
    from trajcast.observables import Context
    from trajcast.observables.summarize import summarize

    context = Context(
        settings=settings_of(ObservableSettings, arguments),
        reference=read_settings(ReferenceSettings, arguments.reference_settings),
    )
    with Trajectory(arguments.md) as md:
        summarize(md, context, arguments.spacings_fs, arguments.output)
