"""Neighbour list within a cutoff, sorted by atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors:
    """Neighbour list of all atoms, periodic images included; atom i has the edges first[i] to first[i + 1] − 1.

    Edges may be padding: an arbitrary index and a vector of cutoff length, where every radial function is zero.
    Padding may also follow the edges of the last atom.
    """

    first: Int[Tensor, " atoms+1"]
    index: Int[Tensor, " edges"]  # the neighbour
    vectors: Float[Tensor, "edges 3"]  # Å, from the atom to its neighbour
    cutoff: float  # Å
    pair: Int[Tensor, " edges"] | None = None  # index of the pair that each edge and its reverse share; None if unknown
    pairs: int = 0  # number of pairs

    @property
    def atoms(self) -> Int[Tensor, " edges"]:
        """Central atom of each edge; the last atom for padding at the end."""
        numbers = torch.arange(len(self.index), device=self.first.device)
        return torch.searchsorted(self.first[1:-1].contiguous(), numbers, right=True)


def of_edges(values: Float[Tensor, "pairs width"], pair: Int[Tensor, " edges"] | None) -> Float[Tensor, "edges width"]:
    """Map values of pairs to edges; without `pair` they already belong to edges."""
    return values if pair is None else values.index_select(0, pair)
