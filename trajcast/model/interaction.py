"""One message-passing layer."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trajcast.config import Network
from trajcast.model.embedding import RadialNet, unit_second_moment
from trajcast.model.linear import (
    EquivariantLinear,
    SpeciesLinear,
    collect_paths,
    join_parities,
    path_columns,
)
from trajcast.model.paths import Features, Parities, parities_after
from trajcast.model.tensor_product import PathWeights, edge_product, node_product


class Interaction(nn.Module):
    """Messages from neighbours, conditioned on the own velocity, then a gated update with a self-connection."""

    def __init__(
        self, settings: Network, parities: Parities, n_species: int, average_neighbors: float, rng: torch.Generator
    ):
        super().__init__()
        channels, l_max = settings.channels, settings.l_max
        self.channels, self.average_neighbors = channels, average_neighbors
        self.parities_in = parities
        self.parities_pooled = parities_after(parities, l_max)
        self.parities_out = parities_after(self.parities_pooled, l_max)
        self.radial = RadialNet([settings.radial_basis, *settings.radial_mlp], rng)
        self.edge_weights = PathWeights(parities, l_max, channels, settings.radial_mlp[-1], rng)
        pooled = {(l, p): channels for l, present in enumerate(self.parities_pooled) for p in present}
        self.contraction = EquivariantLinear(path_columns(parities, l_max, channels), pooled, rng)
        self.speed = RadialNet([settings.speed_basis, *settings.speed_mlp], rng)
        self.node_weights = PathWeights(self.parities_pooled, l_max, channels, settings.speed_mlp[-1], rng)
        updated = {(l, p): channels for l, present in enumerate(self.parities_out) for p in present}
        gates = channels * sum(l > 0 for l, _ in updated)
        updated[0, 1] += gates  # one gate for each channel with l > 0
        self.update = EquivariantLinear(path_columns(self.parities_pooled, l_max, channels), updated, rng)
        self.self_connection = SpeciesLinear(parities, channels, n_species, rng)

    def forward(
        self,
        features: Features,
        one_hot: Float[Tensor, "atoms species"],
        index: Int[Tensor, "atoms slots"],
        radial_basis: Float[Tensor, "atoms slots basis"],
        edge_directions: Float[Tensor, "atoms slots harmonics"],
        speed_basis: Float[Tensor, "atoms basis"],
        velocity_directions: Float[Tensor, "atoms harmonics"],
    ) -> Features:
        messages = edge_product(features, index, self.radial(radial_basis), edge_directions, self.edge_weights())
        summed = self.contraction(collect_paths(messages, self.parities_in))
        pooled = join_parities({k: x / self.average_neighbors for k, x in summed.items()}, self.parities_pooled)
        conditioned = node_product(pooled, self.speed(speed_basis), velocity_directions, self.node_weights())
        updated = gate(self.update(collect_paths(conditioned, self.parities_pooled)), self.channels)
        kept = self.self_connection(features, one_hot)
        total = {k: x + kept[k] if k in kept else x for k, x in updated.items()}
        return [x / math.sqrt(2) for x in join_parities(total, self.parities_out)]  # two terms of unit variance


def gate(features: dict[tuple[int, int], Tensor], channels: int) -> dict[tuple[int, int], Tensor]:
    """SiLU of even scalars, tanh of odd ones; all others times SiLU of the even scalars that follow the first."""
    silu, tanh = unit_second_moment(nn.functional.silu), unit_second_moment(torch.tanh)
    scalars = silu(features[0, 1])
    gated = [irrep for irrep in sorted(features) if irrep[0] > 0]
    kept, *gates = scalars.split(channels, dim=-1)
    result = {irrep: features[irrep] * g for irrep, g in zip(gated, gates, strict=True)}
    result[0, 1] = kept
    if (0, -1) in features:
        result[0, -1] = tanh(features[0, -1])
    return result
