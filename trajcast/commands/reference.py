"""Run reference MD: equilibration, NVE runs, an NVT run, health checks and a comparison with published values.

Writes starts.h5, nve_1.h5md …, nvt.h5md (and nvt_2.h5md, if requested), health.json, health.csv and literature.json,
with the engine's input and log of each run. Finished parts are skipped, and an interrupted part resumes.
"""

from __future__ import annotations

import argparse

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `reference`")
    parser.add_argument("--output", type=OutputFolder, required=True, help="folder of the results")
    parser.add_argument(
        "--part", help="equilibration, nve_1 … nve_N, nvt, nvt_2, health or literature (default: all, in this order)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.schema import ReferenceSettings
    from trajcast.core.errors import UserError
    from trajcast.reference.health import check_health
    from trajcast.reference.literature import write_literature
    from trajcast.reference.protocol import EQUILIBRATION, perform, run_names

    settings = settings_of(ReferenceSettings, arguments)
    parts = [EQUILIBRATION, *run_names(settings), "health", "literature"]
    if arguments.part is not None and arguments.part not in parts:
        raise UserError(f"--part {arguments.part}: no such part; choose one of: {', '.join(parts)}")
    for part in parts if arguments.part is None else [arguments.part]:
        if part == "health":
            check_health(settings, arguments.output)
        elif part == "literature":
            write_literature(settings, arguments.output)
        else:
            perform(settings, part, arguments.output)
