"""e3nn's own modules, with messages summed per atom by `segment_csr` of the optional torch-scatter library."""

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

RANK = 1  # above `e3nn` by little: messages cost far more than their sums

node_product = e3nn.node_product
elements = e3nn.elements
species_linear = e3nn.species_linear
linear = e3nn.linear


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Requires torch-scatter."""
    if find_spec("torch_scatter") is None:
        return "torch-scatter is not installed: pip install 'trajcast[scatter]' (compiles for several minutes)"
    try:
        import torch_scatter  # noqa: F401
    except Exception as error:  # e.g. compiled for another PyTorch
        return f"torch-scatter can't be loaded: {error}"
    return None


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges as for `e3nn`, and the first edge of each atom."""

    flat: e3nn.Edges
    first: Int[Tensor, " atoms+1"]


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """All edges; padding at the end is assigned to the last atom, as its gradients would otherwise be undefined."""
    end = neighbors.first.new_tensor([len(neighbors.index)])
    return Edges(flat=e3nn.edges(neighbors, harmonics), first=torch.cat([neighbors.first[:-1], end]))


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    from torch_scatter import segment_csr

    messages = e3nn.messages(shape, features, edges.flat, hidden, weight)
    return e3nn.by_irrep(shape, segment_csr(messages, edges.first, reduce="sum"))
