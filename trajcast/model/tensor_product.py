"""Path weights, and the product of each atom's features with the harmonics of its own velocity."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trajcast.model.paths import Features, Parities, Path, coupling, paths_from


class PathWeights(nn.Module):
    """The linear layer that turns hidden values z into one weight per path, parity and channel."""

    def __init__(self, parities: Parities, l_max: int, channels: int, hidden: int, rng: torch.Generator):
        super().__init__()
        self.paths = paths_from(parities, l_max)
        self.columns = [channels * len(parities[path.l_in]) for path in self.paths]
        self.weight = nn.Parameter(torch.randn(hidden, sum(self.columns), generator=rng, dtype=torch.float64))

    def forward(self) -> dict[Path, Float[Tensor, "hidden columns"]]:
        scaled = self.weight / math.sqrt(len(self.weight))
        return dict(zip(self.paths, scaled.split(self.columns, dim=1), strict=True))


def node_product(
    features: Features,
    hidden: Float[Tensor, "atoms hidden"],
    harmonics: list[Float[Tensor, "atoms m"]],
    weights: Mapping[Path, Float[Tensor, "hidden columns"]],
) -> dict[Path, Float[Tensor, "atoms m columns"]]:
    """For each path w · (h ⊗ Y), the weights of each atom from its own hidden values."""
    result: dict[Path, Tensor] = {}
    all_weights = (hidden @ torch.cat(list(weights.values()), dim=1)).split(
        [w.shape[1] for w in weights.values()], dim=1
    )
    for path, w in zip(weights, all_weights, strict=True):
        h, y = features[path.l_in], harmonics[path.l_y]
        matrices = torch.einsum("kji,nj->nki", coupling(*path).to(h), y)
        result[path] = w[:, None] * (matrices @ h)
    return result
