"""e3nn's own modules, messages summed atom by atom with torch-scatter's segment_csr, where it is installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.model.ops import e3nn
from trajcast.model.paths import ByIrrep, Features, ProductShape

if TYPE_CHECKING:
    from jaxtyping import Float, Int

RANK = 1  # better than `e3nn`, whose messages cost far more than their sums

node_product = e3nn.node_product
elements = e3nn.elements
species_linear = e3nn.species_linear
linear = e3nn.linear


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Without torch-scatter."""
    if find_spec("torch_scatter") is None:
        return "torch-scatter is not installed: pip install 'trajcast[scatter]' compiles it, which takes minutes"
    try:
        import torch_scatter  # noqa: F401
    except Exception as error:  # compiled for another PyTorch
        return f"torch-scatter can't be loaded: {error}"
    return None


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbours as a list of pairs, and where those of each atom begin."""

    pairs: e3nn.Edges
    first: Int[Tensor, " atoms+1"]


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """All pairs; room after the last atom's edges counts as its own, for gradients are left undefined elsewhere."""
    end = neighbors.first.new_tensor([len(neighbors.index)])
    return Edges(pairs=e3nn.edges(neighbors, harmonics), first=torch.cat([neighbors.first[:-1], end]))


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    from torch_scatter import segment_csr

    messages = e3nn.messages(shape, features, edges.pairs, hidden, weight)
    return e3nn.by_irrep(shape, segment_csr(messages, edges.first, reduce="sum"))
