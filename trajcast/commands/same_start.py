"""Roll out a model from the first state of a reference trajectory, for comparison of the two.

Positions and velocities are those of the first frame. Writes the rollout and a trajectory with the reference frames
over the same time; time 0 of both is the start.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._rollout import Start, add_model_arguments, perform
from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `rollout`")
    parser.add_argument("--md", type=Path, required=True, metavar="H5MD", help="reference MD at constant energy")
    parser.add_argument(
        "--md-output", type=OutputFile, required=True, metavar="H5MD", help="reference frames from the start onwards"
    )
    parser.add_argument("--output", type=OutputFile, required=True, metavar="H5MD", help="the rollout")
    parser.add_argument("--outcome", type=OutputFile, required=True, metavar="JSON", help="how the rollout ended")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.settings import RolloutSettings
    from trajcast.core.units import PS
    from trajcast.io.path_checks import check_outputs
    from trajcast.io.trajectory import Trajectory
    from trajcast.rollout.same_start import write_beginning

    settings = settings_of(RolloutSettings, arguments)
    check_outputs([arguments.md_output], [arguments.md])
    with Trajectory(arguments.md) as md:
        write_beginning(md, settings.duration_ps * PS, arguments.md_output)
        first = md.state(0)
        start = Start(path=arguments.md, spec=md.spec, positions=first.positions, velocities=first.velocities)
    perform(arguments, settings, start)
