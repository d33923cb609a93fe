"""Neighbours within a cutoff, sorted by atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors:
    """Every neighbour of every atom, periodic images included: those of atom i are edges first[i] to first[i + 1].

    Some edges may be room that is not used: any index, and vectors as long as the cutoff, where every radial function
    is zero. Such room may also follow the edges of the last atom.
    """

    first: Int[Tensor, " atoms+1"]
    index: Int[Tensor, " edges"]  # the neighbour
    vectors: Float[Tensor, "edges 3"]  # Å, from the atom to its neighbour
    cutoff: float  # Å
    pair: Int[Tensor, " edges"] | None = None
    pairs: int = 0

    @property
    def atoms(self) -> Int[Tensor, " edges"]:
        """The atom that each edge belongs to; the last atom for room after its own."""
        numbers = torch.arange(len(self.index), device=self.first.device)
        return torch.searchsorted(self.first[1:-1].contiguous(), numbers, right=True)


def of_edges(values: Float[Tensor, "pairs width"], pair: Int[Tensor, " edges"] | None) -> Float[Tensor, "edges width"]:
    """Values of pairs as those of their edges."""
    return values if pair is None else values.index_select(0, pair)
