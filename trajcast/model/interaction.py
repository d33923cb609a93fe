"""One message-passing layer."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trajcast.config.settings import NetworkSettings
from trajcast.model.embedding import SILU, TANH, RadialNet
from trajcast.model.linear import EquivariantLinear, PathWeights, SpeciesLinear
from trajcast.model.paths import Features, Parities, ProductShape, parities_after
from trajcast.model.splines import Curves, Sampled

if TYPE_CHECKING:
    from jaxtyping import Float

HALF = math.sqrt(0.5)
"""Factor for each of two terms of unit variance, so that their sum has unit variance."""


class Interaction(nn.Module):
    """Messages from neighbours, conditioning on the atom's velocity, and a gated update with self-connection."""

    def __init__(
        self,
        settings: NetworkSettings,
        parities: Parities,
        n_species: int,
        average_neighbors: float,
        rng: torch.Generator,
    ):
        super().__init__()
        channels, l_max = settings.channels, settings.l_max
        self.channels, self.parities = channels, parities
        self.parities_pooled = parities_after(parities, l_max)
        self.parities_out = parities_after(self.parities_pooled, l_max)
        self.edge_shape = ProductShape(parities, l_max, channels)
        self.node_shape = ProductShape(self.parities_pooled, l_max, channels)
        self.radial: nn.Module = RadialNet([settings.radial_basis, *settings.radial_mlp], rng)
        self.edge_weights = PathWeights(self.edge_shape, settings.radial_mlp[-1], rng)
        pooled = {(l, p): channels for l, present in enumerate(self.parities_pooled) for p in present}
        self.contraction = EquivariantLinear(self.edge_shape.columns, pooled, rng, 1 / average_neighbors)
        self.speed: nn.Module = RadialNet([settings.speed_basis, *settings.speed_mlp], rng)
        self.node_weights = PathWeights(self.node_shape, settings.speed_mlp[-1], rng)
        updated = {(l, p): channels for l, present in enumerate(self.parities_out) for p in present}
        gates = channels * sum(l > 0 for l, _ in updated)
        updated[0, 1] += gates  # one gate scalar per channel with l > 0
        self.update = EquivariantLinear(self.node_shape.columns, updated, rng)
        self.self_connection = SpeciesLinear(parities, channels, n_species, rng, HALF)

    def forward(
        self,
        ops: ModuleType,
        features: Features,
        elements: Any,
        edges: Any,
        radial_basis: Any,
        speed_basis: Any,
        directions: Float[Tensor, "atoms harmonics"],
    ) -> Features:
        """Features of the next layer.

        Args:
            ops: Backend.
            elements: From `ops.elements`.
            edges: From `ops.edges`.
            radial_basis: Input of `radial` for each pair (or edge, if pairs are not numbered), or `Sampled` on a grid.
            speed_basis: Input of `speed` for each atom.
            directions: Spherical harmonics of the velocities.
        """
        hidden = radial_basis.mapped(self.radial) if isinstance(radial_basis, Sampled) else self.radial(radial_basis)
        speed_hidden = self.speed(speed_basis)
        if not hasattr(ops, "TRAINING_INTERVALS"):
            hidden, speed_hidden = (x.values if isinstance(x, Curves) else x for x in (hidden, speed_hidden))
        messages = ops.edge_product(self.edge_shape, features, edges, hidden, self.edge_weights())
        pooled = self.contraction(ops, messages)
        conditioned = ops.node_product(self.node_shape, pooled, directions, speed_hidden, self.node_weights())
        kept = self._padded(self.self_connection(ops, features, elements))
        return joined(kept, self.update(ops, conditioned), self.channels)

    def _padded(self, features: Features) -> Features:
        """`features` with zeros for the parities that the layer adds."""
        padded = []
        for x, old, new in zip(features, self.parities, self.parities_out, strict=True):
            before = new.index(old[0]) if old else 0
            missing = [self.channels * before, self.channels * (len(new) - len(old) - before)]
            padded.append(nn.functional.pad(x, missing) if any(missing) else x)
        return padded


def joined(kept: Features, updated: Features, channels: int) -> Features:
    """`kept` plus the gated `updated` features times `HALF`.

    The first `channels` even scalars pass through SiLU, odd scalars through tanh; features with l > 0 are multiplied by
    SiLU of the remaining even scalars.
    """
    scalars, *others = updated
    widths = [x.shape[2] for x in others]
    odd, even = scalars.tensor_split([scalars.shape[2] - channels - sum(widths)], dim=-1)
    gated, *gates = (HALF * SILU * nn.functional.silu(even)).split([channels, *widths], dim=-1)
    if odd.shape[2]:
        gated = torch.cat([HALF * TANH * torch.tanh(odd), gated], dim=-1)
    first, *rest = kept
    return [first + gated, *(torch.addcmul(x, y, g) for x, y, g in zip(rest, others, gates, strict=True))]
