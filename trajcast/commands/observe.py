"""Measure structure, dynamics, energy and temperature of a forecast beside its reference MD.

All trajectories are read at the forecast's frame spacing, and every observable of trajcast/observables/ is measured
on each, with standard errors from blocks. OUTPUT then holds md/<observable>.json, forecast/<observable>.json and
second/<observable>.json (each with its curves as a .csv beside it), and summary.json, the verdict table. In place of
the reference MD the record of a summary of it will do (`trajcast summarize`).

A forecast that ended early, even without frames, is no error: what cannot be measured is left out with a reason.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="section `observables`")
    parser.add_argument(
        "--reference-settings",
        type=Path,
        required=True,
        metavar="YAML",
        help="section `reference`, whose potential gives the energies of the frames",
    )
    parser.add_argument(
        "--md", type=Path, required=True, metavar="FILE", help="reference MD, H5MD, or reference.json of a summary"
    )
    parser.add_argument(
        "--second", type=Path, metavar="FILE", help="another MD run, H5MD, judged as if it were a roll-out"
    )
    parser.add_argument("--forecast", type=Path, required=True, metavar="FILE", help="roll-out, H5MD")
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder for the results")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.schema import Observables, Reference
    from trajcast.config.validation import read_settings
    from trajcast.io.heartbeat import seen
    from trajcast.io.trajectory import Trajectory
    from trajcast.observables import Context
    from trajcast.observables.compare import compare

    context = Context(
        settings=read_settings(Observables, arguments.settings),
        reference=read_settings(Reference, arguments.reference_settings),
    )
    with ExitStack() as stack:
        stack.enter_context(seen(arguments.output / "summary.json"))
        opened = {
            name: stack.enter_context(Trajectory(path))
            for name, path in (("md", arguments.md), ("second", arguments.second), ("forecast", arguments.forecast))
            if path is not None and path.suffix != ".json"
        }
        md = opened.get("md", arguments.md)
        compare(md, opened["forecast"], context, arguments.output, opened.get("second"))
