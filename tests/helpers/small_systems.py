"""Small systems and networks for the tests of the model."""

from __future__ import annotations

import torch
from torch import Tensor

from trajcast.config.settings import NetworkSettings
from trajcast.core.mechanics import set_angular_momentum, set_momentum
from trajcast.core.state import State, single_system
from trajcast.model.network import Scales, TrajCast

NOTHING = ((0.0, 0.0), (0.0, 0.0))  # outputs of a model that is its baseline alone
SMALL = NetworkSettings(channels=4, l_max=2, layers=2, radial_mlp=[8, 6], speed_mlp=[8, 6])
SCALES = Scales(
    horizon_fs=2.0,
    cutoff=3.0,
    species=(1, 8),
    average_neighbors=8.0,
    speed_max=0.1,
    outputs=((0.02, 0.01), (0.02, 0.01)),
    baseline=((1.9, 0.8), (2.0, 0.9)),
)


def network(settings: NetworkSettings = SMALL, seed: int = 1, **scales: object) -> TrajCast:
    """A network with random weights, float64; messages made large enough that neighbours matter."""
    known = {name: getattr(SCALES, name) for name in Scales.__dataclass_fields__}
    model = TrajCast(settings, Scales(**{**known, **scales}), torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for layer in model.layers:
            layer.radial.weights[0].mul_(6)
            layer.edge_weights.weight.mul_(6)
            layer.node_weights.weight.mul_(2)
    return model


def random_state(seed: int, *, atoms: int = 12, length: float | None = 6.0, momentum: float = 0.0) -> State:
    """H and O at random in a periodic cube of `length`, or in vacuum; P and L zero unless `momentum` is given."""
    rng = torch.Generator().manual_seed(seed)
    box = length or 4.0
    grid = torch.cartesian_prod(*[torch.arange(3.0, dtype=torch.float64)] * 3)[:atoms] * box / 3
    oxygen = torch.arange(atoms) % 3 == 0
    state = single_system(
        positions=grid + 0.3 * normal(atoms, rng),
        velocities=0.01 * normal(atoms, rng),
        masses=torch.where(oxygen, 15.999, 1.008).double(),
        numbers=torch.where(oxygen, 8, 1),
        cell=torch.eye(3, dtype=torch.float64) * (length or 0.0),
        pbc=torch.full((3,), length is not None),
    )
    return set_angular_momentum(set_momentum(state, momentum))


def normal(atoms: int, rng: torch.Generator) -> Tensor:
    return torch.randn(atoms, 3, generator=rng, dtype=torch.float64)


def rotation(seed: int, improper: bool) -> Tensor:
    """A random rotation matrix, times the inversion if `improper`."""
    q, _ = torch.linalg.qr(normal(3, torch.Generator().manual_seed(seed)))
    proper = q * torch.linalg.det(q)
    return -proper if improper else proper
