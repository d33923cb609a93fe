"""Compare structure, dynamics, energy and temperature of a rollout with reference MD.

All trajectories are read at the rollout's frame spacing, and each observable of trajcast/observables/ is measured with
standard errors from block averaging. Writes md/<observable>.json, rollout/<observable>.json and, for a second run,
second/<observable>.json (each with its curves as .csv), and summary.json, the verdict table. Instead of reference MD,
the record of its summary may be given (`trajcast summarize`).

A rollout that ended early, even without frames, is not an error: observables that cannot be measured are omitted with
the reason.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io import layout
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `observables`")
    parser.add_argument(
        "--reference-settings",
        type=Path,
        required=True,
        metavar="YAML",
        help="section `reference`, whose potential gives the energies of the frames",
    )
    parser.add_argument(
        "--md", type=Path, required=True, metavar="FILE", help="reference MD (H5MD), or reference.json of a summary"
    )
    parser.add_argument("--second", type=Path, metavar="FILE", help="another MD run (H5MD), assessed like a rollout")
    parser.add_argument("--rollout", type=Path, required=True, metavar="FILE", help="rollout (H5MD)")
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder for the results")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.schema import ObservableSettings, ReferenceSettings
    from trajcast.config.validation import read_settings
    from trajcast.io.heartbeat import heartbeat
    from trajcast.io.trajectory import Trajectory
    from trajcast.observables import Context
    from trajcast.observables.compare import compare

    context = Context(
        settings=settings_of(ObservableSettings, arguments),
        reference=read_settings(ReferenceSettings, arguments.reference_settings),
    )
    with ExitStack() as stack:
        stack.enter_context(heartbeat(arguments.output / layout.SUMMARY_FILE))
        opened = {
            name: stack.enter_context(Trajectory(path))
            for name, path in (("md", arguments.md), ("second", arguments.second), ("rollout", arguments.rollout))
            if path is not None and path.suffix != ".json"
        }
        md = opened.get("md", arguments.md)
        compare(md, opened["rollout"], context, arguments.output, opened.get("second"))
