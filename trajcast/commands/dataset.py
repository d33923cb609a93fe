"""Build a data set for training and testing: pairs of frames one horizon apart, drawn from trajectories.

Trajectories may be TrajCast's H5MD files (.h5md, .h5), any file from which ASE reads velocities (extended XYZ, .traj,
LAMMPS text dumps …) or, with --topology, any file from which MDAnalysis reads velocities (TRR, NetCDF …). The cell
must be constant, and preferably the energy, too. No atom may cross a quarter of the cell between frames, because
wrapped positions are unwrapped from frame to frame.

Samples are distributed evenly over the files of a split. Splits must not share frames, so each needs its own runs;
repeated frames are detected regardless of the file's name or format.

Required settings:
  horizon_fs: 2.0        # whole multiple of the interval between frames
  samples: {training: 3000, validation: 100, test: 200}
  seed: 1

Examples:
  trajcast dataset --settings dataset.yaml --training nve_1.h5md nve_2.h5md nve_3.h5md --validation nve_4.h5md \\
      --test nve_5.h5md --output dataset.h5
  trajcast dataset --settings dataset.yaml --training a.dump b.dump --validation c.dump --test d.dump \\
      --lammps-units real --interval-fs 1 --output dataset.h5
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io.path_checks import OutputFile
from trajcast.io.readers import VELOCITY_UNITS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "settings, see above")
    for split in ("training", "validation", "test"):
        parser.add_argument(f"--{split}", type=Path, nargs="+", required=True, metavar="FILE", help="trajectories")
    parser.add_argument(
        "--interval-fs", type=float, metavar="FS", help="interval between frames, if the files do not state it"
    )
    parser.add_argument(
        "--velocity-unit",
        choices=VELOCITY_UNITS,
        help="unit of the arrays `velocities` or `vel` in extended XYZ (that of ASE's `momenta` is known)",
    )
    parser.add_argument(
        "--elements",
        type=lambda text: [symbol.strip() for symbol in text.split(",")],
        default=[],
        metavar="O,H,…",
        help="elements of the types in LAMMPS dumps, in order, if no column states them",
    )
    parser.add_argument(
        "--boundary",
        type=_boundary,
        metavar="ppp",
        help="periodic directions of LAMMPS dumps, if not stated: p, or another letter, for each",
    )
    parser.add_argument("--lammps-units", choices=("real", "metal"), help="unit style of LAMMPS dumps, if not stated")
    parser.add_argument(
        "--topology",
        type=Path,
        metavar="FILE",
        help="read the trajectories with MDAnalysis, with elements and masses from this file",
    )
    parser.add_argument("--output", type=OutputFile, required=True, metavar="H5", help="the data set to write")


def _boundary(letters: str) -> str:
    if len(letters) != 3 or not letters.isalpha():
        raise argparse.ArgumentTypeError(f"{letters!r} must be three letters, such as ppp, ppf or fff")
    return letters


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.settings import DatasetSettings
    from trajcast.io.heartbeat import heartbeat

    settings = settings_of(DatasetSettings, arguments)

    from trajcast.data.dataset import SPLITS, write_dataset
    from trajcast.data.pairs import build_dataset
    from trajcast.data.sources import Reading

    reading = Reading(
        interval_fs=arguments.interval_fs,
        lammps_units=arguments.lammps_units,
        elements=arguments.elements,
        velocity_unit=arguments.velocity_unit,
        boundary=arguments.boundary,
        topology=arguments.topology,
    )
    files = {split: getattr(arguments, split) for split in SPLITS}
    with heartbeat(arguments.output):
        write_dataset(arguments.output, build_dataset(settings, files, reading))
