"""Linear maps between features that commute with rotations and inversion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trajcast.model.embedding import SILU, scaled
from trajcast.model.paths import ByIrrep, Features, Irrep, Parities, ProductShape

if TYPE_CHECKING:
    from jaxtyping import Float


class EquivariantLinear(nn.Module):
    """Mixes all columns of the same l and parity, scaled by `scale` / sqrt(fan-in); no bias.

    Args:
        columns_in: Number of input columns for each (l, parity).
        columns_out: Number of output columns for each (l, parity); each must occur in `columns_in`.
    """

    def __init__(
        self,
        columns_in: Mapping[Irrep, int],
        columns_out: Mapping[Irrep, int],
        rng: torch.Generator,
        scale: float = 1.0,
    ):
        super().__init__()
        self.irreps = sorted(columns_out)
        self.scales = {_name(irrep): scale / math.sqrt(columns_in[irrep]) for irrep in columns_out}
        self.weights = nn.ParameterDict(
            {
                _name(irrep): torch.randn(columns_in[irrep], columns, generator=rng, dtype=torch.float64)
                for irrep, columns in columns_out.items()
            }
        )

    def forward(self, ops: ModuleType, features: ByIrrep) -> Features:
        """Mixed features for every (l, parity) of `columns_out`."""
        weights = {irrep: scaled(self.weights[_name(irrep)], self.scales[_name(irrep)]) for irrep in self.irreps}
        return ops.linear(features, weights)

    def fold(self) -> None:
        """Multiply the scales into the weights."""
        for name, weight in self.weights.items():
            weight.mul_(self.scales[name])
            self.scales[name] = 1.0


class SpeciesLinear(nn.Module):
    """Mixes the channels of each l and parity with element-specific weights, scaled by `scale` / sqrt(fan-in)."""

    def __init__(self, parities: Parities, channels: int, n_species: int, rng: torch.Generator, scale: float = 1.0):
        super().__init__()
        self.parities = parities
        self.irreps = [(l, p) for l, present in enumerate(parities) for p in present]
        self.scale = scale / math.sqrt(channels * n_species)
        self.weights = nn.ParameterDict(
            {
                _name(irrep): torch.randn(channels, n_species, channels, generator=rng, dtype=torch.float64)
                for irrep in self.irreps
            }
        )

    def forward(self, ops: ModuleType, features: Features, elements: Any) -> Features:
        """Mixed features; `elements` comes from `ops.elements`."""
        weights = {irrep: scaled(self.weights[_name(irrep)], self.scale) for irrep in self.irreps}
        return ops.species_linear(features, self.parities, elements, weights)

    def fold(self) -> None:
        """Multiply the scale into the weights."""
        for weight in self.weights.values():
            weight.mul_(self.scale)
        self.scale = 1.0


class PathWeights(nn.Module):
    """Linear output layer of a SiLU MLP: maps its last activations to the path weights of a product."""

    def __init__(self, shape: ProductShape, hidden: int, rng: torch.Generator):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(hidden, shape.weights, generator=rng, dtype=torch.float64))
        self.scale = SILU / math.sqrt(hidden)

    def forward(self) -> Float[Tensor, "hidden weights"]:
        return scaled(self.weight, self.scale)

    def fold(self) -> None:
        """Multiply the scale into the weights."""
        self.weight.mul_(self.scale)
        self.scale = 1.0


def _name(irrep: Irrep) -> str:
    l, p = irrep
    return f"{l}{'e' if p > 0 else 'o'}"
