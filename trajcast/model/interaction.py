"""One message-passing layer."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trajcast.model.embedding import SILU, TANH, RadialNet
from trajcast.model.linear import EquivariantLinear, PathWeights, SpeciesLinear, join_parities
from trajcast.model.paths import ByIrrep, Features, Parities, ProductShape, parities_after
from trajcast.settings import Network

if TYPE_CHECKING:
    from jaxtyping import Float


class Interaction(nn.Module):
    """Messages from neighbours, conditioned on the own velocity, then a gated update with a self-connection."""

    def __init__(
        self, settings: Network, parities: Parities, n_species: int, average_neighbors: float, rng: torch.Generator
    ):
        super().__init__()
        channels, l_max = settings.channels, settings.l_max
        self.channels = channels
        self.parities_pooled = parities_after(parities, l_max)
        self.parities_out = parities_after(self.parities_pooled, l_max)
        self.edge_shape = ProductShape(parities, l_max, channels)
        self.node_shape = ProductShape(self.parities_pooled, l_max, channels)
        self.radial: nn.Module = RadialNet([settings.radial_basis, *settings.radial_mlp], rng)
        self.edge_weights = PathWeights(self.edge_shape, settings.radial_mlp[-1], rng)
        pooled = {(l, p): channels for l, present in enumerate(self.parities_pooled) for p in present}
        self.contraction = EquivariantLinear(self.edge_shape.columns, pooled, rng, 1 / average_neighbors)
        self.speed = RadialNet([settings.speed_basis, *settings.speed_mlp], rng)
        self.node_weights = PathWeights(self.node_shape, settings.speed_mlp[-1], rng)
        updated = {(l, p): channels for l, present in enumerate(self.parities_out) for p in present}
        gates = channels * sum(l > 0 for l, _ in updated)
        updated[0, 1] += gates  # one gate for each channel with l > 0
        self.update = EquivariantLinear(self.node_shape.columns, updated, rng)
        self.self_connection = SpeciesLinear(parities, channels, n_species, rng)

    def forward(
        self,
        ops: ModuleType,
        features: Features,
        elements: Any,
        edges: Any,
        radial_basis: Any,
        speed_basis: Float[Tensor, "atoms basis"],
        directions: Float[Tensor, "atoms harmonics"],
    ) -> Features:
        """Features of the next layer; `elements` and `edges` as the backend `ops` makes them.

        `radial_basis` is what `radial` takes of each edge, `directions` are the harmonics of the velocities.
        """
        messages = ops.edge_product(self.edge_shape, features, edges, self.radial(radial_basis), self.edge_weights())
        pooled = join_parities(self.contraction(messages), self.parities_pooled)
        conditioned = ops.node_product(
            self.node_shape, pooled, directions, self.speed(speed_basis), self.node_weights()
        )
        updated = gate(self.update(conditioned), self.channels)
        kept = self.self_connection(ops, features, elements)
        total = {k: x + kept[k] if k in kept else x for k, x in updated.items()}
        return [x / math.sqrt(2) for x in join_parities(total, self.parities_out)]  # two terms of unit variance


def gate(features: ByIrrep, channels: int) -> ByIrrep:
    """SiLU of even scalars, tanh of odd ones; all others times SiLU of the even scalars that follow the first."""
    scalars = SILU * nn.functional.silu(features[0, 1])
    gated = [irrep for irrep in sorted(features) if irrep[0] > 0]
    kept, *gates = scalars.split(channels, dim=-1)
    result = {irrep: features[irrep] * g for irrep, g in zip(gated, gates, strict=True)}
    result[0, 1] = kept
    if (0, -1) in features:
        result[0, -1] = TANH * torch.tanh(features[0, -1])
    return result
