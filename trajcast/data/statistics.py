"""Statistics of the training split: scales of the outputs, speeds per element, number of neighbours."""

from __future__ import annotations

import numpy as np

from trajcast.data.dataset import Pairs, Statistics


def training_statistics(pairs: Pairs, average_neighbors: float) -> Statistics:
    """The statistics of these pairs, with the mean number of neighbours of an atom, all images counted."""
    numbers = pairs.topology.numbers
    speed2 = np.square(pairs.velocities, dtype=np.float64).sum(axis=2)
    return Statistics(
        displacement_rms=float(np.sqrt(np.mean(np.square(pairs.displacements, dtype=np.float64)))),
        velocity_rms=float(np.sqrt(np.mean(np.square(pairs.new_velocities, dtype=np.float64)))),
        average_neighbors=average_neighbors,
        speed_rms={int(z): float(np.sqrt(speed2[:, numbers == z].mean())) for z in np.unique(numbers)},
    )
