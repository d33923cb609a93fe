"""Roll out a model and record only the temperature of every step, to test the thermostat.

Starts like `trajcast rollout`. Writes mean and standard deviation, with standard errors, of the temperature of all
atoms and of each element, and the canonical standard deviation T √(2/dof). No frames are kept. After any interruption
the same command resumes.
"""

from __future__ import annotations

import argparse

from trajcast.commands._rollout import add_rollout_arguments, perform, start_of
from trajcast.commands._settings import settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_rollout_arguments(parser, "the temperatures", "JSON")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.settings import RolloutSettings
    from trajcast.rollout.reporters.temperatures import TemperatureRecorder

    settings = settings_of(RolloutSettings, arguments)
    start = start_of(arguments.start, settings.supercell, arguments.frame)
    perform(arguments, settings, start, reporter=TemperatureRecorder)
