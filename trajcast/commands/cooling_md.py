"""Reference MD along a cooling ramp, from a frame of the NVT run.

After any interruption the same command resumes. The engine's input and log are written beside the output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "the ramp, of section `studies.cooling`")
    parser.add_argument("--reference-settings", type=Path, required=True, metavar="YAML", help="section `reference`")
    parser.add_argument("--start", type=Path, required=True, metavar="H5MD", help="the NVT run")
    parser.add_argument("--frame", type=int, required=True, help="frame to start from, counted from 0")
    parser.add_argument("--seed", type=int, required=True, help="seed of the thermostat")
    parser.add_argument("--output", type=OutputFile, required=True, metavar="H5MD", help="the trajectory")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.schema import ReferenceSettings
    from trajcast.config.studies import RampSettings
    from trajcast.config.validation import read_settings
    from trajcast.reference.ramp import cool

    cool(
        read_settings(ReferenceSettings, arguments.reference_settings),
        settings_of(RampSettings, arguments),
        arguments.start,
        arguments.frame,
        arguments.seed,
        arguments.output,
    )
