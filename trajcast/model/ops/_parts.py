"""Splits a product into parts, so that the path weights of each part fit into a memory limit."""

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
"""Path weights per part in bytes if each is used once: they should stay in a core's cache."""

WEIGHTS_SHARED = 2**23
"""The same for several threads, or for weights shared by both edges of a pair; each part costs a synchronisation."""

PAIR_WEIGHTS = 2**25
"""Limit in bytes up to which the path weights of one l are computed for all pairs at once, shared by both edges."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbours, and the couplings Σ CG · Y of each edge for every pair of coupled components."""

    first: Int[Tensor, " atoms+1"]
    index: Int[Tensor, " edges"]
    couplings: Float[Tensor, "edges couplings"]
    pair: Int[Tensor, " edges"] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A range of atoms with their edges and rows of hidden values, for features of one l or all l."""

    first_atom: int
    last_atom: int
    first_edge: int
    chosen: slice | Int[Tensor, " rows"] | None  # rows of hidden values in this part; None: all
    rows: Int[Tensor, " edges"]  # index of each edge's row among the chosen ones
    l: int | None  # None: all

    def of(self, hidden: Float[Tensor, "pairs width"]) -> Tensor:
        """The part's rows of `hidden`."""
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
    """Parts of the product: all at once, one per l, or ranges of atoms."""
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
