"""Run reference MD: equilibration, NVE runs, one NVT run, a table of their health, and published numbers beside theirs.

Writes starts.h5, nve_1.h5md …, nvt.h5md (nvt_2.h5md where a second run is asked for), health.json, health.csv and
literature.json, and the engine's input and log of each run. Finished parts are skipped; a part that was broken off
goes on where it stopped.
"""

from __future__ import annotations

import argparse

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_argument(parser, "section `reference`")
    parser.add_argument("--output", type=OutputFolder, required=True, help="folder of the results")
    parser.add_argument(
        "--part", help="equilibration, nve_1 … nve_N, nvt, nvt_2, health or literature; all in turn without"
    )


def run(arguments: argparse.Namespace) -> None:
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
