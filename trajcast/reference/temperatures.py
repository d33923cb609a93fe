"""Kinetic temperatures of entire trajectories."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.core.mechanics import temperature
from trajcast.core.state import join
from trajcast.io.trajectory import Trajectory

FRAMES_AT_ONCE = 500


def temperatures(trajectory: Trajectory) -> NDArray[np.float64]:
    """Temperature of each frame (K), with the degrees of freedom of `trajcast.core.mechanics`."""
    blocks = []
    for begin in range(0, len(trajectory), FRAMES_AT_ONCE):
        frames = slice(begin, begin + FRAMES_AT_ONCE)
        pairs = zip(trajectory.positions[frames], trajectory.velocities[frames], strict=True)
        blocks.append(temperature(join([trajectory.spec.state(r, v) for r, v in pairs])))
    return torch.cat(blocks).numpy() if blocks else np.empty(0)
