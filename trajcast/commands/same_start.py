"""Roll a model out from the first state of a reference trajectory, to set the two side by side.

Positions and velocities are those of the first frame. Writes the rollout and, over the same time, the reference's
frames as a trajectory of their own; time 0 of both is the start.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._rollout import add_model_arguments, model_of, record_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="section `rollout`")
    parser.add_argument("--md", type=Path, required=True, metavar="H5MD", help="reference MD at constant energy")
    parser.add_argument(
        "--md-output", type=OutputFile, required=True, metavar="H5MD", help="its frames from the start on"
    )
    parser.add_argument("--output", type=OutputFile, required=True, metavar="H5MD", help="the rollout")
    parser.add_argument("--outcome", type=OutputFile, required=True, metavar="JSON", help="how it ended")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    from trajcast.config.settings import RolloutSettings
    from trajcast.config.validation import read_settings
    from trajcast.core.units import PS
    from trajcast.io.locks import exclusive_lock
    from trajcast.io.trajectory import Trajectory
    from trajcast.rollout.loop import run_rollout
    from trajcast.rollout.same_start import write_beginning

    settings = read_settings(RolloutSettings, arguments.settings)
    model = model_of(arguments)
    with Trajectory(arguments.md) as md, exclusive_lock(arguments.output):
        write_beginning(md, settings.duration_ps * PS, arguments.md_output)
        start = md.state(0)
        run_rollout(
            model,
            settings,
            md.spec,
            start.positions,
            output=arguments.output,
            outcome=arguments.outcome,
            record=record_of(arguments, arguments.md),
            velocities=start.velocities,
        )
