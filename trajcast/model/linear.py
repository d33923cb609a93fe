"""Linear maps between features that commute with rotation and inversion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trajcast.model.paths import ByIrrep, Features, Irrep, Parities, ProductShape

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class EquivariantLinear(nn.Module):
    """Mixes all columns of the same l and parity; divided by sqrt(fan in), no bias.

    `columns_in` and `columns_out` map (l, parity) to the number of columns.
    """

    def __init__(
        self,
        columns_in: Mapping[Irrep, int],
        columns_out: Mapping[Irrep, int],
        rng: torch.Generator,
    ):
        super().__init__()
        self.weights = nn.ParameterDict(
            {
                _name(irrep): torch.randn(columns_in[irrep], columns, generator=rng, dtype=torch.float64)
                for irrep, columns in columns_out.items()
            }
        )

    def forward(self, features: ByIrrep) -> ByIrrep:
        return {
            irrep: x @ (self.weights[_name(irrep)] / math.sqrt(x.shape[-1]))
            for irrep, x in features.items()
            if _name(irrep) in self.weights
        }


class SpeciesLinear(nn.Module):
    """Mixes the channels of each l and parity with weights of each atom's element."""

    def __init__(self, parities: Parities, channels: int, n_species: int, rng: torch.Generator):
        super().__init__()
        self.parities = parities
        self.scale = 1 / math.sqrt(channels * n_species)
        self.weights = nn.ParameterDict(
            {
                _name((l, p)): torch.randn(channels, n_species, channels, generator=rng, dtype=torch.float64)
                for l, present in enumerate(parities)
                for p in present
            }
        )

    def forward(self, ops: ModuleType, features: Features, species: Int[Tensor, " atoms"]) -> ByIrrep:
        parts = split_parities(features, self.parities)
        return ops.species_linear(parts, species, {irrep: self.weights[_name(irrep)] * self.scale for irrep in parts})


class PathWeights(nn.Module):
    """The linear layer that turns the last hidden values of an MLP into the weights of a product."""

    def __init__(self, shape: ProductShape, hidden: int, rng: torch.Generator):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(hidden, shape.weights, generator=rng, dtype=torch.float64))

    def forward(self) -> Float[Tensor, "hidden weights"]:
        return self.weight / math.sqrt(len(self.weight))


def split_parities(features: Features, parities: Parities) -> ByIrrep:
    """Features by (l, parity)."""
    parts: ByIrrep = {}
    for l, (x, present) in enumerate(zip(features, parities, strict=True)):
        if present:
            parts |= {(l, p): part for p, part in zip(present, x.chunk(len(present), dim=-1), strict=True)}
    return parts


def join_parities(parts: ByIrrep, parities: Parities) -> Features:
    """The reverse of `split_parities`."""
    some = next(iter(parts.values()))
    return [
        torch.cat([parts[l, p] for p in present], dim=-1) if present else some.new_zeros(len(some), 2 * l + 1, 0)
        for l, present in enumerate(parities)
    ]


def _name(irrep: Irrep) -> str:
    l, p = irrep
    return f"{l}{'e' if p > 0 else 'o'}"
