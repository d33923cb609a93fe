"""The training data of the GPU kit: `python -m benchmarks.gpu_data --system molecule --out molecule-7fs.h5`.

Pairs are taken from NVE runs of `trajcast reference`: three for training, one each for validation and testing.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

from trajcast.config.settings import DatasetSettings, SampleCounts
from trajcast.core.errors import UserError
from trajcast.data.dataset import write_dataset
from trajcast.data.pairs import build_dataset
from trajcast.data.sources import Reading

MAX_BYTES = 45_000_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """Input of a data set; horizon and, for paracetamol, numbers of samples are those of the paper."""

    folder: Path  # with the NVE runs
    settings: DatasetSettings


SOURCES = {
    "molecule": Source(
        folder=Path("results/molecule/reference"),
        settings=DatasetSettings(
            horizon_fs=7.0, seed=1, samples=SampleCounts(training=10_000, validation=2_500, test=1_000)
        ),
    ),
    "liquid": Source(
        folder=Path("results/liquid/reference"),
        settings=DatasetSettings(
            horizon_fs=5.0, seed=1, samples=SampleCounts(training=3_600, validation=500, test=700)
        ),
    ),
}


def make(system: str, out: Path) -> None:
    """Write the data set of `system`.

    Raises:
        UserError: If NVE runs are missing, or the file exceeds the size limit of the kit.
    """
    source = SOURCES[system]
    files = sorted(source.folder.glob("nve_*.h5md"))
    if len(files) < 5:
        raise UserError(f"{source.folder}: {len(files)} NVE runs, 5 are needed; make them with `trajcast reference`")
    split = {"training": files[:3], "validation": files[3:4], "test": files[4:5]}
    write_dataset(out, build_dataset(source.settings, split, Reading()))
    if (size := out.stat().st_size) > MAX_BYTES:
        raise UserError(f"{out}: {size / 1e6:.1f} MB exceeds the limit of {MAX_BYTES / 1e6:.0f} MB; take fewer samples")
    logging.info("%s: %.1f MB", out, size / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_data", description=__doc__)
    parser.add_argument("--system", choices=sorted(SOURCES), required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="H5", help="the data set to write")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        make(arguments.system, arguments.out)
    except UserError as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    main()
