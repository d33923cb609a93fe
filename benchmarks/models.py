"""The benchmark networks, with random weights scaled so that signals and rollouts stay finite."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.cases import CASES, TEMPERATURE_K, Case, state
from trajcast.config.settings import NetworkSettings
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.state import State, join
from trajcast.core.units import BOLTZMANN, KINETIC
from trajcast.model.network import Scales, TrajCast
from trajcast.training.initialization import scale_weights

OUTPUTS = 1e-6
"""Output scale of the network: untrained, its output may be very large for states it was not scaled on."""

SWING = 0.5
"""Displacement per step, in units of horizon × velocity: less than 1, since bonds restrict the motion."""

NETWORKS = {
    "paper": NetworkSettings(),
    "small": NetworkSettings(channels=16, l_max=1, layers=3, radial_mlp=[32, 16], speed_mlp=[32, 16]),
}


def bare_model(case: Case, network: str) -> TrajCast:
    """The network for a case with random, unscaled weights; float64 on the CPU."""
    scales = _scales(case, network, state(_smallest(case)))
    return TrajCast(NETWORKS[network], scales, torch.Generator().manual_seed(1))


def scaled_weights(case: Case, network: str) -> dict[str, Tensor]:
    """Random weights scaled as for a new training run; the same for all sizes of a system."""
    sample = join([state(_smallest(case), k) for k in range(case.batch)])
    model = bare_model(case, network)
    scale_weights(model, sample, find_neighbors(sample, case.cutoff))
    return model.state_dict()


def _smallest(case: Case) -> Case:
    """The smallest case of the same system."""
    return next(other for other in CASES.values() if other.system == case.system)


def _scales(case: Case, network: str, sample: State) -> Scales:
    """Scales with a baseline that reverses each velocity, so that atoms oscillate about their initial positions."""
    species = tuple(sorted(set(sample.numbers.tolist())))
    speed = [_thermal_speed(sample, z) for z in species]
    return Scales(
        horizon_fs=case.horizon_fs,
        cutoff=case.cutoff,
        species=species,
        average_neighbors=len(find_neighbors(sample, case.cutoff).index) / sample.n_atoms,
        speed_max=NETWORKS[network].speed_max_rms * max(speed),
        outputs=tuple((OUTPUTS * case.horizon_fs * v, OUTPUTS * v) for v in speed),
        baseline=((SWING * case.horizon_fs, -1.0),) * len(species),
    )


def _thermal_speed(sample: State, number: int) -> float:
    """RMS Maxwell–Boltzmann speed (Å/fs) of an element."""
    mass = float(sample.masses[sample.numbers == number][0])
    return (3 * BOLTZMANN * TEMPERATURE_K / (KINETIC * mass)) ** 0.5
