"""Statistics of the training split: scales of the outputs, speeds per element, number of neighbours."""

from __future__ import annotations

import numpy as np
from vesin import NeighborList

from trajcast.data.dataset import Pairs, Statistics
from trajcast.progress import progress


def training_statistics(pairs: Pairs, cutoff_A: float) -> Statistics:
    """The statistics of these pairs, neighbours counted within `cutoff_A` over all images."""
    numbers = pairs.topology.numbers
    speed2 = np.square(pairs.velocities, dtype=np.float64).sum(axis=2)
    return Statistics(
        displacement_rms=float(np.sqrt(np.mean(np.square(pairs.displacements, dtype=np.float64)))),
        velocity_rms=float(np.sqrt(np.mean(np.square(pairs.new_velocities, dtype=np.float64)))),
        average_neighbors=average_neighbors(pairs, cutoff_A),
        speed_rms={int(z): float(np.sqrt(speed2[:, numbers == z].mean())) for z in np.unique(numbers)},
    )


def average_neighbors(pairs: Pairs, cutoff_A: float) -> float:
    """Mean number of atoms (periodic images included) within `cutoff_A` of an atom, over all samples."""
    search = NeighborList(cutoff=cutoff_A, full_list=True)
    topology, found = pairs.topology, 0
    with progress("neighbours", len(pairs), unit="frames") as advance:
        for positions in pairs.positions:
            (centers,) = search.compute(
                points=positions.astype(np.float64), box=topology.cell, periodic=topology.periodic, quantities="i"
            )
            found += len(centers)
            advance(1)
    return found / (len(pairs) * topology.n_atoms)
