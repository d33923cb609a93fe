"""Weighted Clebsch–Gordan products of features with spherical harmonics, over edges and on nodes.

Weights of path p and channel c are Σ_b z_b W_bpc, with z the last hidden layer of an MLP. Since the product is linear
in them, the sum over neighbours of z ⊗ Y ⊗ h comes first, as one matrix product per atom, and W follows: nothing of
size paths × edges is ever stored.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trajcast.model.paths import Parities, Path, coupling, paths_from

Features = list[Tensor]
"""For each l a tensor (rows, 2l + 1, columns), see `trajcast.model.paths`."""


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


def edge_product(
    features: Features,
    index: Int[Tensor, "atoms slots"],
    hidden: Float[Tensor, "atoms slots hidden"],
    harmonics: list[Float[Tensor, "atoms slots m"]],
    weights: dict[Path, Tensor],
) -> dict[Path, Float[Tensor, "atoms m columns"]]:
    """For each path Σ_neighbours w(r) · (h_neighbour ⊗ Y(r̂))."""
    atoms, slots, n_hidden = hidden.shape
    shapes = [(h.shape[1], h.shape[2]) for h in features]
    flat = torch.cat([h.reshape(atoms, -1) for h in features], dim=1)
    gathered = flat.index_select(0, index.reshape(-1)).view(atoms, slots, -1)
    result: dict[Path, Tensor] = {}
    for l_y, y in enumerate(harmonics):
        hidden_y = (hidden[..., :, None] * y[..., None, :]).view(atoms, slots, -1) if l_y else hidden
        moments = torch.bmm(hidden_y.transpose(1, 2), gathered).view(atoms * n_hidden, 2 * l_y + 1, -1)
        for l_in, block in enumerate(moments.split([m * columns for m, columns in shapes], dim=2)):
            m, columns = shapes[l_in]
            if columns:
                pairs = block.reshape(atoms * n_hidden, (2 * l_y + 1) * m, columns)
                result |= _weighted_outputs(pairs, n_hidden, l_in, l_y, weights)
    return result


def node_product(
    features: Features,
    hidden: Float[Tensor, "atoms hidden"],
    harmonics: list[Float[Tensor, "atoms m"]],
    weights: dict[Path, Tensor],
) -> dict[Path, Float[Tensor, "atoms m columns"]]:
    """For each path w · (h ⊗ Y), the weights of each atom from its own hidden values."""
    result: dict[Path, Tensor] = {}
    for path, weight in weights.items():
        h, y = features[path.l_in], harmonics[path.l_y]
        pairs = (y[:, :, None, None] * h[:, None]).flatten(1, 2)
        result[path] = (hidden @ weight)[:, None] * _couple(pairs, path)
    return result


def _weighted_outputs(
    pairs: Float[Tensor, "atoms_hidden pairs columns"],
    n_hidden: int,
    l_in: int,
    l_y: int,
    weights: dict[Path, Tensor],
) -> dict[Path, Tensor]:
    outputs = {}
    for path, weight in weights.items():
        if (path.l_in, path.l_y) == (l_in, l_y):
            coupled = _couple(pairs, path).unflatten(0, (-1, n_hidden))
            outputs[path] = (coupled * weight[:, None]).sum(1)
    return outputs


def _couple(pairs: Float[Tensor, "*rows pairs columns"], path: Path) -> Float[Tensor, "*rows m columns"]:
    matrix = coupling(*path).to(pairs).flatten(1)
    if path.l_in == 0 or path.l_y == 0:  # a multiple of the identity
        return pairs * matrix[0, 0]
    return matrix @ pairs
