"""Weighted Clebsch–Gordan products of features with spherical harmonics, over neighbours and on atoms.

The weights of path p and column c are Σ_b z_b W_bpc, with z the last hidden values of an MLP. The sum over neighbours
of h ⊗ Y ⊗ z comes first, as one matrix product per atom; a second one per column then applies W and the coefficients.
Nothing of size paths × edges is ever stored.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trajcast.model.paths import Features, Parities, Path, coefficients, path_of_output, paths_from, split_outputs

Weights = dict[int, Float[Tensor, "hidden paths columns"]]
"""For each l_in the weights of its paths."""


class PathWeights(nn.Module):
    """The linear layer that turns hidden values z into one weight per path, parity and channel."""

    def __init__(self, parities: Parities, l_max: int, channels: int, hidden: int, rng: torch.Generator):
        super().__init__()
        shapes = {l: (len(paths_from(l, l_max)), channels * len(p)) for l, p in enumerate(parities) if p}
        self.shapes = shapes
        total = sum(paths * columns for paths, columns in shapes.values())
        self.weight = nn.Parameter(torch.randn(hidden, total, generator=rng, dtype=torch.float64))

    def forward(self) -> Weights:
        scaled = self.weight / math.sqrt(len(self.weight))
        parts = scaled.split([paths * columns for paths, columns in self.shapes.values()], dim=1)
        return {l: x.unflatten(1, shape) for x, (l, shape) in zip(parts, self.shapes.items(), strict=True)}


def edge_product(
    features: Features,
    index: Int[Tensor, "atoms slots"],
    hidden: Float[Tensor, "atoms slots hidden"],
    harmonics: Float[Tensor, "atoms slots harmonics"],
    weights: Weights,
) -> dict[Path, Float[Tensor, "atoms m columns"]]:
    """For each path Σ_neighbours w(r) · (h_neighbour ⊗ Y(r̂)); slots of `index` match those of the others."""
    atoms, l_max = len(index), math.isqrt(harmonics.shape[-1]) - 1
    flat = torch.cat([h.flatten(1) for h in features], dim=1)
    gathered = flat.index_select(0, index.flatten()).unflatten(0, index.shape)
    spread = (harmonics[..., None] * hidden[:, :, None]).flatten(2)
    sums = gathered.mT @ spread  # atoms, features, harmonics × hidden
    result: dict[Path, Tensor] = {}
    for l, part in enumerate(sums.split([h.shape[1] * h.shape[2] for h in features], dim=1)):
        if l in weights:
            columns = features[l].shape[2]
            by_column = part.unflatten(1, (-1, columns)).permute(2, 0, 1, 3).reshape(columns, atoms, -1)
            per_output = weights[l].index_select(1, path_of_output(l, l_max, flat.device)).permute(2, 0, 1)
            coupling = coefficients(l, l_max, flat.dtype, flat.device)
            matrix = (coupling[None, :, :, None] * per_output[:, None, None]).flatten(1, 3)
            outputs = by_column @ matrix
            if outputs.requires_grad:  # on strides as permuted below, a batched product would go column by column
                outputs.register_hook(Tensor.contiguous)
            result |= split_outputs(outputs.permute(1, 2, 0), l, l_max)
    return result


def node_product(
    features: Features,
    hidden: Float[Tensor, "atoms hidden"],
    harmonics: Float[Tensor, "atoms harmonics"],
    weights: Weights,
) -> dict[Path, Float[Tensor, "atoms m columns"]]:
    """For each path w · (h ⊗ Y), the weights of each atom from its own hidden values."""
    l_max = math.isqrt(harmonics.shape[-1]) - 1
    result: dict[Path, Tensor] = {}
    for l, weight in weights.items():
        coupling = coefficients(l, l_max, harmonics.dtype, harmonics.device)
        matrix = (harmonics @ coupling.transpose(0, 1).flatten(1)).unflatten(1, coupling.shape[::2])
        outputs = matrix.mT @ features[l]
        own = (hidden @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        per_output = own.index_select(1, path_of_output(l, l_max, harmonics.device))
        result |= split_outputs(outputs * per_output, l, l_max)
    return result
