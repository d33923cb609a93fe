"""Run reference MD in numbered chunks, for a training that reads them: `trajcast train` starts this by itself.

Chunks CHAIN, CHAIN + processes, … appear as chunk-N.h5md in the folder, up to the number that the last line of the
standard input names. When that ends, so does the command; the same command goes on where it was. What lies before
NEEDED is made only where a later chunk goes on from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_argument(parser, "section `training`")
    parser.add_argument("--reference-settings", type=Path, required=True, metavar="YAML", help="section `reference`")
    parser.add_argument("--starts", type=Path, required=True, metavar="H5", help="starts.h5 of the reference MD")
    parser.add_argument("--interval-fs", type=float, required=True, help="between frames: the horizon")
    parser.add_argument("--chain", type=int, required=True, metavar="CHAIN", help="which of the processes, from 0")
    parser.add_argument("--needed", type=int, default=0, metavar="NEEDED", help="first chunk that will be read")
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder of the chunks")


def run(arguments: argparse.Namespace) -> None:
    import itertools

    from trajcast.config.schema import ReferenceSettings
    from trajcast.config.settings import TrainingSettings
    from trajcast.config.validation import read_settings
    from trajcast.core.errors import UserError
    from trajcast.reference.chunks import chunk_to_begin_with, run_chunk
    from trajcast.reference.limit import Limit

    stream = settings_of(TrainingSettings, arguments).stream
    if stream is None:
        raise UserError("training: stream is missing; it says how long chunks are and how many run at once")
    reference = read_settings(ReferenceSettings, arguments.reference_settings)
    limit = Limit()
    first = chunk_to_begin_with(arguments.output, stream.processes, arguments.chain, arguments.needed)
    for number in itertools.count(first, stream.processes):
        limit.wait_for(number)
        run_chunk(reference, stream, arguments.interval_fs, arguments.starts, arguments.output, number)
