"""Constants of a network derived from its training data: output scales, basis ranges, and the linear baseline."""

from __future__ import annotations

import numpy as np

from trajcast.config.settings import TrainingSettings
from trajcast.data.dataset import Dataset
from trajcast.data.neighborhood import average_neighbors, check_neighbors
from trajcast.model.network import Scales


def scales_of(dataset: Dataset, settings: TrainingSettings) -> Scales:
    """The scales for a network trained on `dataset`.

    With `velocity_baseline`, each element gets the least-squares coefficients a and b of Δr ≈ a v and v′ ≈ b v;
    otherwise both are zero. The outputs are scaled by the RMS of the residuals: of each element if the loss is
    mass-weighted, otherwise of all atoms.

    Raises:
        UserError: If the atoms have too few neighbours within the cutoff.
    """
    statistics, pairs = dataset.statistics, dataset.split("training")
    neighbors = average_neighbors(pairs, settings.network.cutoff_A)
    check_neighbors(neighbors, settings.network.cutoff_A, "training.network.cutoff_A")
    species = tuple(sorted(statistics.speed_rms))
    baseline, squares, counts = [], [], []
    for number in species:
        atoms = dataset.spec.numbers == number
        v = pairs.velocities[:, atoms].astype(np.float64)
        targets = [x[:, atoms].astype(np.float64) for x in (pairs.displacements, pairs.new_velocities)]
        slopes = [float((v * x).sum() / (v * v).sum()) * settings.network.velocity_baseline for x in targets]
        baseline.append((slopes[0], slopes[1]))
        squares.append([np.square(x - slope * v).sum() for x, slope in zip(targets, slopes, strict=True)])
        counts.append(v.size)
    total, count = np.array(squares), np.array(counts)[:, None]
    if settings.mass_weighted:
        outputs = np.sqrt(total / count)
    else:
        outputs = np.sqrt(total.sum(0) / count.sum()) * np.ones_like(total)
    return Scales(
        horizon_fs=dataset.horizon_fs,
        cutoff=settings.network.cutoff_A,
        species=species,
        average_neighbors=neighbors,
        speed_max=settings.network.speed_max_rms * statistics.speed_rms[min(species)],
        outputs=tuple((float(a), float(b)) for a, b in outputs),
        baseline=tuple(baseline),
    )
