"""The work of a product in parts: as much at a time as its path weights may take memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from trajcast.model.paths import ProductShape

if TYPE_CHECKING:
    from jaxtyping import Float, Int

WEIGHTS_AT_ONCE = 2**20
"""Bytes of path weights that are made at a time where each is used once: they should stay in a core's cache."""

WEIGHTS_SHARED = 2**23
"""The same where several threads share the work, or both edges of a pair the weights: each part costs a meeting."""

PAIR_WEIGHTS = 2**25
"""Most bytes of the path weights of one l for which both edges of a pair use the same ones, all made before use."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbours, and for each edge Σ CG · Y of every pair of components that a harmonic couples."""

    first: Int[Tensor, " atoms+1"]
    index: Int[Tensor, " edges"]
    couplings: Float[Tensor, "edges couplings"]
    pair: Int[Tensor, " edges"] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A range of atoms with their edges, and which rows of hidden values are theirs; features of one l, or of all."""

    first_atom: int
    last_atom: int
    first_edge: int
    chosen: slice | Int[Tensor, " rows"] | None  # None: all of them
    rows: Int[Tensor, " edges"]  # which of the chosen is each edge's
    l: int | None  # None: all

    def of(self, hidden: Float[Tensor, "pairs width"]) -> Tensor:
        return hidden if self.chosen is None else hidden[self.chosen]

    def add(self, hidden: Float[Tensor, "pairs width"], change: Float[Tensor, "rows width"]) -> None:
        """Add `change` to the part's rows of `hidden`."""
        if self.chosen is None:
            hidden += change
        elif isinstance(self.chosen, slice):
            hidden[self.chosen] += change
        else:
            hidden.index_add_(0, self.chosen, change)


def parts(shape: ProductShape, edges: Edges, hidden: Float[Tensor, "pairs width"]) -> Iterator[Part]:
    """All of the product: at once, or l by l, or in ranges of atoms."""
    atoms, row_bytes = len(edges.first) - 1, shape.weights * hidden.itemsize
    single = edges.pair is None and torch.get_num_threads() == 1
    at_once = (WEIGHTS_AT_ONCE if single else WEIGHTS_SHARED) // row_bytes
    rows = torch.arange(len(hidden)) if edges.pair is None else edges.pair
    if len(hidden) <= at_once:
        yield Part(0, atoms, 0, None, rows, None)
        return
    widest = max(columns.stop - columns.start for columns in shape.weights_of)
    if edges.pair is not None and len(hidden) * widest * hidden.itemsize <= PAIR_WEIGHTS:
        yield from (Part(0, atoms, 0, None, rows, l) for l in range(len(shape.parities)))
        return
    ends, at_once = edges.first.numpy(), max(1, at_once)
    start = 0
    while start < atoms:
        end = max(start + 1, int(np.searchsorted(ends, ends[start] + at_once, side="right")) - 1)
        first, last = int(ends[start]), int(ends[end])
        chosen = slice(first, last) if edges.pair is None else edges.pair[first:last]
        yield Part(start, end, first, chosen, torch.arange(last - first), None)
        start = end
