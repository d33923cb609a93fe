"""Roll a model out: molecular dynamics without forces.

Starts from the positions of a frame of a trajectory with Maxwell–Boltzmann velocities, and writes the frames
after the equilibration and an outcome (completed, or which guard ended it). A rollout that a guard ends is a result:
its frames are kept and the command succeeds. Stopped in any way, the same command goes on where it was. With `replicas`
in the settings each has files of its own: NAME.h5md, NAME-2.h5md, … and the same for the outcome.
"""

from __future__ import annotations

import argparse

from trajcast.commands._rollout import add_rollout_arguments, perform, start_of
from trajcast.commands._settings import settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_rollout_arguments(parser, "the trajectory", "H5MD")


def run(arguments: argparse.Namespace) -> None:
    import logging

    from trajcast.config.settings import RolloutSettings

    settings = settings_of(RolloutSettings, arguments)
    start = start_of(arguments.start, settings.supercell, arguments.frame)
    for result in perform(arguments, settings, start):
        logging.info("%s %s", result["outcome"], result["reason"])
