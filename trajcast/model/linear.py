"""Linear maps between features that commute with rotation and inversion."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trajcast.model.paths import Features, Parities, Path, paths_from


class EquivariantLinear(nn.Module):
    """Mixes all columns of the same l and parity; divided by sqrt(fan in), no bias.

    `columns_in` and `columns_out` map (l, parity) to the number of columns.
    """

    def __init__(
        self,
        columns_in: Mapping[tuple[int, int], int],
        columns_out: Mapping[tuple[int, int], int],
        rng: torch.Generator,
    ):
        super().__init__()
        self.weights = nn.ParameterDict(
            {
                _name(irrep): torch.randn(columns_in[irrep], columns, generator=rng, dtype=torch.float64)
                for irrep, columns in columns_out.items()
            }
        )

    def forward(self, features: Mapping[tuple[int, int], Tensor]) -> dict[tuple[int, int], Tensor]:
        return {
            irrep: x @ (self.weights[_name(irrep)] / math.sqrt(x.shape[-1]))
            for irrep, x in features.items()
            if _name(irrep) in self.weights
        }


class SpeciesLinear(nn.Module):
    """Mixes the channels of each l and parity with weights of each atom's element."""

    def __init__(self, parities: Parities, channels: int, n_species: int, rng: torch.Generator):
        super().__init__()
        self.parities, self.channels = parities, channels
        self.weights = nn.ParameterDict(
            {
                _name((l, p)): torch.randn(channels, n_species, channels, generator=rng, dtype=torch.float64)
                for l, present in enumerate(parities)
                for p in present
            }
        )

    def forward(
        self, features: Features, one_hot: Float[Tensor, "atoms species"]
    ) -> dict[tuple[int, int], Float[Tensor, "atoms m channels"]]:
        mixed = {}
        for irrep, x in split_parities(features, self.parities).items():
            weight = self.weights[_name(irrep)]
            spread = (x[..., None] * one_hot[:, None, None, :]).flatten(2)
            mixed[irrep] = spread @ (weight.flatten(0, 1) / math.sqrt(weight.shape[0] * weight.shape[1]))
        return mixed


def split_parities(features: Features, parities: Parities) -> dict[tuple[int, int], Tensor]:
    """Features by (l, parity)."""
    parts: dict[tuple[int, int], Tensor] = {}
    for l, (x, present) in enumerate(zip(features, parities, strict=True)):
        if present:
            parts |= {(l, p): part for p, part in zip(present, x.chunk(len(present), dim=-1), strict=True)}
    return parts


def join_parities(parts: Mapping[tuple[int, int], Tensor], parities: Parities) -> Features:
    """The reverse of `split_parities`."""
    some = next(iter(parts.values()))
    return [
        torch.cat([parts[l, p] for p in present], dim=-1) if present else some.new_zeros(len(some), 2 * l + 1, 0)
        for l, present in enumerate(parities)
    ]


def collect_paths(products: Mapping[Path, Tensor], parities: Parities) -> dict[tuple[int, int], Tensor]:
    """Path outputs by (l, parity), those of one kind side by side; `parities` are those before the product."""
    found: dict[tuple[int, int], list[Tensor]] = {}
    for path, x in products.items():
        present = parities[path.l_in]
        for p, part in zip(present, x.chunk(len(present), dim=-1), strict=True):
            found.setdefault((path.l_out, p * (-1) ** path.l_y), []).append(part)
    return {irrep: torch.cat(parts, dim=-1) for irrep, parts in found.items()}


def path_columns(parities: Parities, l_max: int, channels: int) -> dict[tuple[int, int], int]:
    """How many columns `collect_paths` gives for each (l, parity)."""
    columns: dict[tuple[int, int], int] = {}
    for l_in, present in enumerate(parities):
        for path in paths_from(l_in, l_max):
            for p in present:
                irrep = (path.l_out, p * (-1) ** path.l_y)
                columns[irrep] = columns.get(irrep, 0) + channels
    return columns


def _name(irrep: tuple[int, int]) -> str:
    l, p = irrep
    return f"{l}{'e' if p > 0 else 'o'}"
