"""The edges of a product in parts: as many at a time as their path weights may take memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

WEIGHTS_AT_ONCE = 2**20
"""Bytes of path weights that are made at a time where each is used once: they should stay in a core's cache."""

WEIGHTS_SHARED = 2**23
"""The same where several threads share the work: each part costs them a meeting."""

PAIR_WEIGHTS = 2**25
"""Most bytes of path weights for which both edges of a pair use the same ones: these are made once, all before use."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbours, and for each edge Σ CG · Y of every pair of components that a harmonic couples."""

    first: Int[Tensor, " atoms+1"]
    index: Int[Tensor, " edges"]
    couplings: Float[Tensor, "edges couplings"]
    pair: Int[Tensor, " edges"] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A range of atoms with their edges, and which rows of hidden values are theirs."""

    first_atom: int
    last_atom: int
    first_edge: int
    chosen: slice | Int[Tensor, " rows"]
    rows: Int[Tensor, " edges"]  # which of the chosen is each edge's

    def of(self, hidden: Float[Tensor, "pairs width"]) -> Tensor:
        return hidden[self.chosen]

    def add(self, hidden: Float[Tensor, "pairs width"], change: Float[Tensor, "rows width"]) -> None:
        """Add `change` to the part's rows of `hidden`."""
        if isinstance(self.chosen, slice):
            hidden[self.chosen] += change
        else:
            hidden.index_add_(0, self.chosen, change)


def parts(edges: Edges, row_bytes: int) -> Iterator[Part]:
    """All atoms, in ranges with as many edges as their weights may take memory at a time."""
    ends, atoms = edges.first.numpy(), len(edges.first) - 1
    if edges.pair is not None and len(edges.pair) // 2 * row_bytes <= PAIR_WEIGHTS:
        yield Part(0, atoms, 0, slice(None), edges.pair)
        return
    at_once = max(1, (WEIGHTS_AT_ONCE if torch.get_num_threads() == 1 else WEIGHTS_SHARED) // row_bytes)
    start = 0
    while start < atoms:
        end = max(start + 1, int(np.searchsorted(ends, ends[start] + at_once, side="right")) - 1)
        first, last = int(ends[start]), int(ends[end])
        chosen = slice(first, last) if edges.pair is None else edges.pair[first:last]
        yield Part(start, end, first, chosen, torch.arange(last - first))
        start = end
