"""Clebsch–Gordan paths that couple features with spherical harmonics, and their coefficients.

Features are lists over l of tensors (atoms, 2l + 1, columns); the columns hold `channels` values for each parity that
occurs at that l, odd before even. Both parities of one l use the same paths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import torch
from e3nn.o3 import wigner_3j
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Parities = tuple[tuple[int, ...], ...]
"""Parities present at each l, ascending: ((1,), (-1,)) is 0e + 1o."""

Features = list[Tensor]
"""One tensor (atoms, 2l + 1, columns) per l."""

Irrep = tuple[int, int]
"""(l, parity); parity is 1 or −1."""

ByIrrep = dict[Irrep, Tensor]
"""One tensor (atoms, 2l + 1, columns) per (l, parity)."""


class Path(NamedTuple):
    """Features of l_in times harmonics of l_y give features of l_out; the harmonics' parity is (−1)^l_y."""

    l_in: int
    l_y: int
    l_out: int


@cache
def paths_from(l_in: int, l_max: int) -> tuple[Path, ...]:
    """All paths from features of l_in through harmonics up to l_max to features up to l_max."""
    return tuple(
        Path(l_in, l_y, l_out)
        for l_y in range(l_max + 1)
        for l_out in range(abs(l_in - l_y), min(l_in + l_y, l_max) + 1)
    )


def parities_after(parities: Parities, l_max: int) -> Parities:
    """Parities present at each l after a product with harmonics up to `l_max`."""
    reached: list[set[int]] = [set() for _ in range(l_max + 1)]
    for l_in, present in enumerate(parities):
        for path in paths_from(l_in, l_max):
            reached[path.l_out] |= {p * (-1) ** path.l_y for p in present}
    return tuple(tuple(sorted(parities_of_l)) for parities_of_l in reached)


@cache
def coefficients(
    l_in: int, l_max: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "m harmonics outputs"]:
    """Clebsch–Gordan coefficients of all paths from `l_in`, concatenated over outputs, times sqrt(2 l_out + 1)."""
    blocks = []
    for path in paths_from(l_in, l_max):
        block = torch.zeros(2 * l_in + 1, (l_max + 1) ** 2, 2 * path.l_out + 1, dtype=torch.float64)
        block[:, path.l_y**2 : (path.l_y + 1) ** 2] = wigner_3j(*path, dtype=torch.float64)
        blocks.append(block * math.sqrt(2 * path.l_out + 1))
    return torch.cat(blocks, dim=2).to(device=device, dtype=dtype)


@cache
def path_of_output(l_in: int, l_max: int, device: torch.device) -> Int[Tensor, " outputs"]:
    """Index of the path that each output of `coefficients` belongs to."""
    sizes = torch.tensor([2 * path.l_out + 1 for path in paths_from(l_in, l_max)])
    return torch.arange(len(sizes)).repeat_interleave(sizes).to(device)


class Output(NamedTuple):
    """One path for one parity, and the position of its channels among all outputs with the same irrep."""

    path: Path
    parity: int  # of the features
    irrep: Irrep  # of the output
    slot: int  # index among the outputs with this irrep


@dataclass(frozen=True)
class ProductShape:
    """Inputs of a product: features with `channels` channels for each of `parities`, and harmonics up to `l_max`."""

    parities: Parities
    l_max: int
    channels: int

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """All paths and parities, sorted by l_in, path and parity, like the weights."""
        outputs: list[Output] = []
        slots: dict[Irrep, int] = {}
        for l_in, present in enumerate(self.parities):
            for path in paths_from(l_in, self.l_max):
                for parity in present:
                    irrep = (path.l_out, parity * (-1) ** path.l_y)
                    outputs.append(Output(path, parity, irrep, slots.get(irrep, 0)))
                    slots[irrep] = slots.get(irrep, 0) + 1
        return tuple(outputs)

    @cached_property
    def columns(self) -> dict[Irrep, int]:
        """Number of columns of the product for each (l, parity)."""
        irreps = [output.irrep for output in self.outputs]
        return {irrep: self.channels * irreps.count(irrep) for irrep in irreps}

    @cached_property
    def weights(self) -> int:
        """Number of weights per edge or atom."""
        return self.channels * len(self.outputs)

    @cached_property
    def weights_of(self) -> tuple[slice, ...]:
        """Range of the weights that belong to each l_in."""
        counts = [self.channels * len(paths_from(l, self.l_max)) * len(p) for l, p in enumerate(self.parities)]
        ends = list(accumulate(counts))
        return tuple(slice(end - count, end) for count, end in zip(counts, ends, strict=True))

    def last_layer(self, weight: Float[Tensor, "width weights"], l: int | None) -> Float[Tensor, "width weights"]:
        """Columns of `weight` for l_in = `l`, or all columns if `l` is None."""
        return weight if l is None else weight[:, self.weights_of[l]]


def split_parities(features: Features, parities: Parities) -> ByIrrep:
    """Split features by (l, parity)."""
    parts: ByIrrep = {}
    for l, (x, present) in enumerate(zip(features, parities, strict=True)):
        if present:
            parts |= {(l, p): part for p, part in zip(present, x.chunk(len(present), dim=-1), strict=True)}
    return parts


def join_parities(parts: ByIrrep) -> Features:
    """Inverse of `split_parities`; the number of columns may differ between parts."""
    some = next(iter(parts.values()))
    features = []
    for l in range(max(l for l, _ in parts) + 1):
        present = [parts[irrep] for irrep in sorted(parts) if irrep[0] == l]
        features.append(torch.cat(present, dim=-1) if present else some.new_zeros(len(some), 2 * l + 1, 0))
    return features
