"""Find the largest timestep at which reference MD conserves energy, and its speed.

Performs NVE runs from the first start with increasing timesteps until the energy drift exceeds
`max_drift_meV_per_atom_per_ps`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `studies.timestep`")
    parser.add_argument("--reference-settings", type=Path, required=True, metavar="YAML", help="section `reference`")
    parser.add_argument("--starts", type=Path, required=True, metavar="H5", help="starts.h5 of the reference MD")
    parser.add_argument("--output", type=OutputFile, required=True, metavar="JSON", help="timesteps, drifts, speeds")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.schema import ReferenceSettings
    from trajcast.config.studies import TimestepStudy
    from trajcast.config.validation import read_settings
    from trajcast.reference.timestep import largest_timestep

    settings = read_settings(ReferenceSettings, arguments.reference_settings)
    study = settings_of(TimestepStudy, arguments)
    largest_timestep(settings, study, arguments.starts, arguments.output)
