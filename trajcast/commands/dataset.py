"""Cut pairs of frames one horizon apart from trajectories: a data set to train and test on.

Training, validation and test pairs come from independent trajectories; no frame of one split may lie in another.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, required=True, help="YAML: horizon_fs, cutoff_A, samples, seed")
    for split in ("training", "validation", "test"):
        parser.add_argument(f"--{split}", type=Path, nargs="+", required=True, metavar="FILE", help="trajectories")
    parser.add_argument("--interval-fs", type=float, help="time between frames, for files that do not say")
    parser.add_argument("--output", type=Path, required=True, help="the data set to write, e.g. dataset.h5")


def run(arguments: argparse.Namespace) -> None:
    from trajcast import config
    from trajcast.data.dataset import SPLITS, write_dataset
    from trajcast.data.pairs import build_dataset
    from trajcast.data.sources import Reading

    settings = config.read_settings(config.Dataset, arguments.settings)
    files = {split: getattr(arguments, split) for split in SPLITS}
    write_dataset(arguments.output, build_dataset(settings, files, Reading(interval_fs=arguments.interval_fs)))
