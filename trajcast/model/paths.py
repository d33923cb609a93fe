"""Which Clebsch–Gordan paths join features with spherical harmonics, and their coefficients.

Features are lists over l of tensors (rows, 2l + 1, columns); the columns hold `channels` numbers for each parity that
occurs at that l, odd before even. Both parities of one l go through the same paths.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from e3nn.o3 import wigner_3j
from torch import Tensor

Parities = tuple[tuple[int, ...], ...]
"""For each l the parities present, ascending: ((1,), (-1,)) is 0e + 1o."""


Features = list[Tensor]
"""For each l a tensor (atoms, 2l + 1, columns)."""


class Path(NamedTuple):
    """Features of l_in times harmonics of l_y give features of l_out; the harmonics' parity is (−1)^l_y."""

    l_in: int
    l_y: int
    l_out: int


def all_parities(l_max: int) -> Parities:
    """Both parities at every l."""
    return ((-1, 1),) * (l_max + 1)


def paths_from(parities: Parities, l_max: int) -> list[Path]:
    """All paths from features with `parities` through harmonics up to l_max to features up to l_max."""
    return [
        Path(l_in, l_y, l_out)
        for l_in, present in enumerate(parities)
        if present
        for l_y in range(l_max + 1)
        for l_out in range(abs(l_in - l_y), min(l_in + l_y, l_max) + 1)
    ]


def parities_after(parities: Parities, l_max: int) -> Parities:
    """The parities that the product with harmonics gives at each l."""
    found: list[set[int]] = [set() for _ in range(l_max + 1)]
    for path in paths_from(parities, l_max):
        found[path.l_out] |= {p * (-1) ** path.l_y for p in parities[path.l_in]}
    return tuple(tuple(sorted(f)) for f in found)


@cache
def coupling(l_in: int, l_y: int, l_out: int) -> Tensor:
    """Clebsch–Gordan coefficients (2 l_out + 1, 2 l_y + 1, 2 l_in + 1), float64, scaled by sqrt(2 l_out + 1)."""
    coefficients = wigner_3j(l_in, l_y, l_out, dtype=torch.float64) * math.sqrt(2 * l_out + 1)
    return coefficients.permute(2, 1, 0).contiguous()
