"""Measure the speed of a rollout without output, including the thermostat.

Starts from the last frame of a trajectory, replicated by the `supercell` of the settings, with Maxwell–Boltzmann
velocities. The steps of `duration_ps` are timed, after warm-up steps for everything that is set up once.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._rollout import add_model_arguments, model_of, start_of
from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `rollout`")
    parser.add_argument("--start", type=Path, required=True, metavar="H5MD", help="trajectory to start from")
    parser.add_argument("--output", type=OutputFile, required=True, metavar="JSON", help="time, ns/day, device")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.settings import RolloutSettings
    from trajcast.io.files import write_json
    from trajcast.rollout.speed import measure_speed

    settings = settings_of(RolloutSettings, arguments)
    model = model_of(arguments)
    start = start_of(arguments.start, settings.supercell)
    write_json(arguments.output, measure_speed(model, settings, start.spec, start.positions))
