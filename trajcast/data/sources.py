"""Reading a trajectory from any file that H5MD, ASE or MDAnalysis readers understand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trajcast.data.frames import Frames, h5md_frames
from trajcast.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a file may not say by itself."""

    interval_fs: float | None = None


def read_frames(path: Path, reading: Reading) -> Frames:
    """All frames of a trajectory, unwrapped, in Å and Å/fs."""
    frames = h5md_frames(path)
    if reading.interval_fs is not None and not np.isclose(reading.interval_fs, frames.interval_fs, rtol=1e-6):
        raise UserError(
            f"--interval-fs {reading.interval_fs:g} contradicts {path}, whose frames are {frames.interval_fs:g} fs "
            "apart; leave the option out"
        )
    return frames
