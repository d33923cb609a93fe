"""What a network takes from its training data: scales, basis ranges, and the linear baseline."""

from __future__ import annotations

import numpy as np

from trajcast.config import Network
from trajcast.data.dataset import Dataset
from trajcast.model.network import Scales


def scales_of(dataset: Dataset, settings: Network) -> Scales:
    """The scales for a network on `dataset`.

    With `velocity_baseline` each element gets the least-squares coefficients a, b of Δr ≈ a v and v' ≈ b v, and the
    network's outputs are scaled by the RMS of what these leave over; else a = b = 0 and the scales are the data's RMS.
    """
    statistics = dataset.statistics
    species = tuple(sorted(statistics.speed_rms))
    lightest = min(species)
    baseline, left = [], np.zeros(2)
    pairs = dataset.split("training")
    for number in species:
        atoms = dataset.topology.numbers == number
        v = pairs.velocities[:, atoms].astype(np.float64)
        targets = [x[:, atoms].astype(np.float64) for x in (pairs.displacements, pairs.new_velocities)]
        slopes = [float((v * x).sum() / (v * v).sum()) if settings.velocity_baseline else 0.0 for x in targets]
        baseline.append((slopes[0], slopes[1]))
        left += [((x - slope * v) ** 2).sum() for x, slope in zip(targets, slopes, strict=True)]
    residual = np.sqrt(left / pairs.velocities.size)
    return Scales(
        horizon_fs=dataset.horizon_fs,
        cutoff=dataset.cutoff_A,
        species=species,
        average_neighbors=statistics.average_neighbors,
        speed_max=settings.speed_max_rms * statistics.speed_rms[lightest],
        displacement=float(residual[0]),
        velocity=float(residual[1]),
        baseline=tuple(baseline),
    )
