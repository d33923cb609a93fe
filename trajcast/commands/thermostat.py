"""Roll a model out and keep the temperature of every step: does the thermostat hold it, and how far does it swing?

Starts as `trajcast rollout` does. Writes mean and standard deviation with errors, of all atoms and of each element,
beside the canonical width T √(2/dof). No frame is kept. Stopped in any way, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._rollout import add_model_arguments, model_of, record_of, start_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="section `rollout`")
    parser.add_argument("--start", type=Path, required=True, metavar="H5MD", help="trajectory to start from")
    parser.add_argument("--output", type=OutputFile, required=True, metavar="JSON", help="the temperatures")
    parser.add_argument("--outcome", type=OutputFile, required=True, metavar="JSON", help="how it ended")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    from trajcast.config.settings import RolloutSettings
    from trajcast.config.validation import read_settings
    from trajcast.io.locks import exclusive_lock
    from trajcast.rollout.loop import run_rollout
    from trajcast.rollout.temperatures import TemperatureRecorder

    settings = read_settings(RolloutSettings, arguments.settings)
    model = model_of(arguments)
    spec, positions = start_of(arguments.start, settings.supercell)
    with exclusive_lock(arguments.output):
        run_rollout(
            model,
            settings,
            spec,
            positions,
            output=arguments.output,
            outcome=arguments.outcome,
            record=record_of(arguments, arguments.start),
            recorder_type=TemperatureRecorder,
        )
