"""Roll a model out and keep the temperature of every step: does the thermostat hold it, and how far does it swing?

Starts as `trajcast rollout` does. Writes mean and standard deviation with errors, of all atoms and of each element,
beside the canonical width T √(2/dof). No frame is kept. Stopped in any way, the same command goes on where it was.
"""

from __future__ import annotations

import argparse

from trajcast.commands._rollout import add_rollout_arguments, perform, start_of
from trajcast.commands._settings import settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_rollout_arguments(parser, "the temperatures", "JSON")


def run(arguments: argparse.Namespace) -> None:
    from trajcast.config.settings import RolloutSettings
    from trajcast.rollout.reporters.temperatures import TemperatureRecorder

    settings = settings_of(RolloutSettings, arguments)
    start = start_of(arguments.start, settings.supercell, arguments.frame)
    perform(arguments, settings, start, reporter=TemperatureRecorder)
