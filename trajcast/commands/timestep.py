"""Find the largest time step at which reference MD conserves its energy, and the speed that it has with it.

Runs at constant energy from the first start, with one time step after the other, until the energy drifts by more than
`max_drift_meV_per_atom_per_ps`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_argument(parser, "section `studies.timestep`")
    parser.add_argument("--reference-settings", type=Path, required=True, metavar="YAML", help="section `reference`")
    parser.add_argument("--starts", type=Path, required=True, metavar="H5", help="starts of the reference's NVE runs")
    parser.add_argument("--output", type=OutputFile, required=True, metavar="JSON", help="time steps, drifts, speeds")


def run(arguments: argparse.Namespace) -> None:
    from trajcast.config.schema import ReferenceSettings
    from trajcast.config.studies import TimestepStudy
    from trajcast.config.validation import read_settings
    from trajcast.reference.timestep import largest_timestep

    settings = read_settings(ReferenceSettings, arguments.reference_settings)
    study = settings_of(TimestepStudy, arguments)
    largest_timestep(settings, study, arguments.starts, arguments.output)
