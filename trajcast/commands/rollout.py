"""Roll a model out: molecular dynamics without forces.

Starts from the positions of a frame of a trajectory with Maxwell–Boltzmann velocities, and writes the frames
after the equilibration and an outcome (completed, or which guard ended it). A rollout that a guard ends is a result:
its frames are kept and the command succeeds. Stopped in any way, the same command goes on where it was. With `replicas`
in the settings each has files of its own: NAME.h5md, NAME-2.h5md, … and the same for the outcome.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._rollout import add_model_arguments, model_of, record_of, start_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="section `rollout`")
    parser.add_argument("--start", type=Path, required=True, metavar="H5MD", help="trajectory to start from")
    parser.add_argument("--frame", type=int, default=-1, help="its frame, counted from 0 (default: -1, the last)")
    parser.add_argument("--output", type=OutputFile, required=True, metavar="H5MD", help="the trajectory")
    parser.add_argument("--outcome", type=OutputFile, required=True, metavar="JSON", help="how it ended")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    import logging

    from trajcast.config.settings import RolloutSettings
    from trajcast.config.validation import read_settings
    from trajcast.io.files import numbered
    from trajcast.io.locks import exclusive_lock
    from trajcast.io.path_checks import check_outputs
    from trajcast.rollout.loop import run_rollout

    settings = read_settings(RolloutSettings, arguments.settings)
    for number in range(1, settings.replicas + 1):
        own = [numbered(path, number) for path in (arguments.output, arguments.outcome)]
        check_outputs(own, [arguments.start, arguments.settings, arguments.model])
    model = model_of(arguments)
    spec, positions = start_of(arguments.start, settings.supercell, arguments.frame)
    with exclusive_lock(arguments.output):
        results = run_rollout(
            model,
            settings,
            spec,
            positions,
            output=arguments.output,
            outcome=arguments.outcome,
            record=record_of(arguments, arguments.start),
        )
    for result in results:
        logging.info("%s %s", result["outcome"], result["reason"])
