"""Cut pairs of frames one horizon apart from trajectories: a data set to train and test on.

Frames come from TrajCast's own H5MD files (.h5md, .h5), from any file that ASE reads with velocities (extended XYZ, its
own .traj, LAMMPS text dumps …), or, with --topology, from any that MDAnalysis reads with velocities (TRR, NetCDF …).
Each run at constant cell and, best, constant energy; saved often enough that no atom crosses a quarter of the cell
between frames, as wrapped positions are unwrapped from one frame to the next.

Samples are spread evenly over the files of a split. No frame of one split may lie in another, so each needs runs
of its own; a repeated frame is found whatever the file's name or format.

The settings, all required:
  horizon_fs: 2.0        # a whole multiple of the interval between frames
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
from trajcast.io.frames import VELOCITY_UNITS
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings_argument(parser, "settings, see above")
    for split in ("training", "validation", "test"):
        parser.add_argument(f"--{split}", type=Path, nargs="+", required=True, metavar="FILE", help="trajectories")
    parser.add_argument(
        "--interval-fs", type=float, metavar="FS", help="time between frames, where the files do not say"
    )
    parser.add_argument(
        "--velocity-unit",
        choices=VELOCITY_UNITS,
        help="of arrays `velocities` or `vel` in extended XYZ, which may have any (ASE's `momenta` have theirs)",
    )
    parser.add_argument(
        "--elements",
        type=lambda text: [symbol.strip() for symbol in text.split(",")],
        default=[],
        metavar="O,H,…",
        help="elements of the types of LAMMPS dumps, in order, where no column names them",
    )
    parser.add_argument(
        "--boundary",
        type=_boundary,
        metavar="ppp",
        help="which directions are periodic, for LAMMPS dumps that do not say: p, or another letter, for each",
    )
    parser.add_argument(
        "--lammps-units", choices=("real", "metal"), help="unit style of LAMMPS dumps, where they do not say"
    )
    parser.add_argument(
        "--topology", type=Path, metavar="FILE", help="elements and masses, to read the trajectories with MDAnalysis"
    )
    parser.add_argument("--output", type=OutputFile, required=True, metavar="H5", help="the data set to write")


def _boundary(letters: str) -> str:
    if len(letters) != 3 or not letters.isalpha():
        raise argparse.ArgumentTypeError(f"{letters!r} must be three letters, such as ppp, ppf or fff")
    return letters


def run(arguments: argparse.Namespace) -> None:
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
