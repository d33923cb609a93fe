"""Statistics of the training split: output scales, and the RMS speed of each element."""

from __future__ import annotations

import numpy as np

from trajcast.data.dataset import Pairs, Statistics


def training_statistics(pairs: Pairs) -> Statistics:
    """Compute the statistics of the training pairs."""
    numbers = pairs.spec.numbers
    speed2 = np.square(pairs.velocities, dtype=np.float64).sum(axis=2)
    return Statistics(
        displacement_rms=float(np.sqrt(np.mean(np.square(pairs.displacements, dtype=np.float64)))),
        velocity_rms=float(np.sqrt(np.mean(np.square(pairs.new_velocities, dtype=np.float64)))),
        speed_rms={int(z): float(np.sqrt(speed2[:, numbers == z].mean())) for z in np.unique(numbers)},
    )
