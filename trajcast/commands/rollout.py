"""Roll out a model: molecular dynamics without forces.

Starts from the positions of a trajectory frame with Maxwell–Boltzmann velocities. Writes the frames after equilibration
and an outcome: completed, or the guard limit that ended the rollout. A rollout that a guard ends is a valid result: its
frames are kept and the command succeeds. After any interruption the same command resumes. With `replicas` in the
settings each replica has its own files: NAME.h5md, NAME-2.h5md, …, and likewise for the outcome.
"""

from __future__ import annotations

import argparse

from trajcast.commands._rollout import add_rollout_arguments, perform, start_of
from trajcast.commands._settings import settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_rollout_arguments(parser, "the trajectory", "H5MD")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    import logging

    from trajcast.config.settings import RolloutSettings

    settings = settings_of(RolloutSettings, arguments)
    start = start_of(arguments.start, settings.supercell, arguments.frame)
    for result in perform(arguments, settings, start):
        logging.info("%s %s", result["outcome"], result["reason"])
