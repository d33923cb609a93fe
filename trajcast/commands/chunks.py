"""Run reference MD in numbered chunks that a training reads. `trajcast train` starts this command automatically.

Writes chunks CHAIN, CHAIN + processes, … as chunk-N.h5md to the output folder, up to the number in the most recent line
of standard input. The command ends when standard input is closed; the same command resumes. A chunk before NEEDED is
produced only if a later chunk continues from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `training`")
    parser.add_argument("--reference-settings", type=Path, required=True, metavar="YAML", help="section `reference`")
    parser.add_argument("--starts", type=Path, required=True, metavar="H5", help="starts.h5 of the reference MD")
    parser.add_argument(
        "--interval-fs", type=float, required=True, help="interval between frames, equal to the horizon"
    )
    parser.add_argument("--chain", type=int, required=True, metavar="CHAIN", help="number of this process, from 0")
    parser.add_argument("--needed", type=int, default=0, metavar="NEEDED", help="first chunk that will be read")
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder of the chunks")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    import itertools

    from trajcast.config.schema import ReferenceSettings
    from trajcast.config.settings import TrainingSettings
    from trajcast.config.validation import read_settings
    from trajcast.core.errors import UserError
    from trajcast.reference.chunks import chunk_to_begin_with, run_chunk
    from trajcast.reference.limit import Limit

    stream = settings_of(TrainingSettings, arguments).stream
    if stream is None:
        raise UserError("training: stream is missing; it sets the length of chunks and the number of processes")
    reference = read_settings(ReferenceSettings, arguments.reference_settings)
    limit = Limit()
    first = chunk_to_begin_with(arguments.output, stream.processes, arguments.chain, arguments.needed)
    for number in itertools.count(first, stream.processes):
        limit.wait_for(number)
        run_chunk(reference, stream, arguments.interval_fs, arguments.starts, arguments.output, number)
