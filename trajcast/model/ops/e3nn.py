"""The reference backend: e3nn's own modules, with the messages of all edges summed by `index_add`.

Geiger & Smidt 2022, arXiv:2207.09453. All other backends are tested and timed against it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from e3nn import o3
from torch import Tensor

from trajcast.core.neighbors.neighbor_list import of_edges
from trajcast.model.ops import dense
from trajcast.model.paths import ByIrrep, Features, Irrep, Parities, ProductShape, join_parities

if TYPE_CHECKING:
    from jaxtyping import Float, Int

RANK = 0


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Always None: e3nn is a required dependency."""
    return None


Edges = dense.Edges
edges = dense.edges


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    of_edge = messages(shape, features, edges, hidden, weight)
    summed = of_edge.new_zeros(len(features[0]), of_edge.shape[1]).index_add(0, edges.atoms, of_edge)
    return by_irrep(shape, summed)


def messages(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> Float[Tensor, "edges numbers"]:
    """Contribution of each edge to the product of its atom."""
    product = _product(shape, weight.dtype, weight.device)
    return product(in_line(features)[edges.neighbors], edges.harmonics, of_edges(hidden, edges.pair) @ weight)


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y) of each atom; w depends on the atom's hidden values."""
    product = _product(shape, weight.dtype, weight.device)
    return by_irrep(shape, product(in_line(features), harmonics, hidden @ weight))


elements = dense.elements
linear = dense.linear


def species_linear(
    features: Features, parities: Parities, elements: Int[Tensor, "atoms species"], weights: ByIrrep
) -> Features:
    """Multiply each atom's channels by the matrix of its element; scaled weights are (channels, species, channels)."""
    some = next(iter(weights.values()))
    irreps = [(l, p) for l, present in enumerate(parities) for p in present]
    product = _species_product(tuple(irreps), *some.shape[:2], some.dtype, some.device)
    flat = in_line(features)
    mixed = product(flat, elements.to(flat), torch.cat([weights[irrep].flatten() for irrep in irreps]))
    parts = mixed.split([some.shape[2] * (2 * l + 1) for l, _ in irreps], dim=1)
    return join_parities({(l, p): x.unflatten(1, (-1, 2 * l + 1)).mT for (l, p), x in zip(irreps, parts, strict=True)})


def description(shape: ProductShape) -> tuple[o3.Irreps, o3.Irreps, o3.Irreps, list[tuple]]:
    """Irreps of features, harmonics and product, and the instructions, for e3nn's `TensorProduct`."""
    present = [(l, p) for l, parities in enumerate(shape.parities) for p in parities]
    blocks = sorted((output.irrep, output.slot) for output in shape.outputs)
    instructions = [
        (present.index((path.l_in, p)), path.l_y, blocks.index((irrep, slot)), "uvu", True, 2 * path.l_out + 1.0)
        for path, p, irrep, slot in shape.outputs
    ]
    return (
        o3.Irreps([(shape.channels, irrep) for irrep in present]),
        o3.Irreps.spherical_harmonics(shape.l_max),
        o3.Irreps([(shape.channels, irrep) for irrep, _ in blocks]),
        instructions,
    )


@cache
def _product(shape: ProductShape, dtype: torch.dtype, device: torch.device) -> o3.TensorProduct:
    product = o3.TensorProduct(
        *description(shape),
        shared_weights=False,
        internal_weights=False,
        irrep_normalization="none",
        path_normalization="none",
    )
    return _in_precision(product, dtype, device)


@cache
def _species_product(
    irreps: tuple[Irrep, ...], channels: int, species: int, dtype: torch.dtype, device: torch.device
) -> o3.TensorProduct:
    features = o3.Irreps([(channels, irrep) for irrep in irreps])
    product = o3.TensorProduct(
        features,
        o3.Irreps([(species, (0, 1))]),
        features,
        [(i, 0, i, "uvw", True, 2 * l + 1.0) for i, (l, _) in enumerate(irreps)],
        shared_weights=True,
        internal_weights=False,
        irrep_normalization="none",
        path_normalization="none",
    )
    return _in_precision(product, dtype, device)


def _in_precision(product: o3.TensorProduct, dtype: torch.dtype, device: torch.device) -> o3.TensorProduct:
    """Move `product` to `dtype`, recomputing the coefficients, which e3nn stores in the default precision."""
    product = product.to(dtype=dtype, device=device)
    for name, buffer in product.named_buffers():
        if "_w3j_" in name:
            l_1, l_2, l_3 = (int(l) for l in name.split("_")[-3:])
            buffer.copy_(o3.wigner_3j(l_1, l_2, l_3, dtype=dtype, device=device))
    return product


def in_line(features: Features) -> Float[Tensor, "atoms numbers"]:
    """Features in e3nn's order: irrep by irrep, components fastest."""
    return torch.cat([x.mT.flatten(1) for x in features], dim=1)


def by_irrep(shape: ProductShape, flat: Float[Tensor, "atoms numbers"]) -> ByIrrep:
    """Inverse of `in_line` for a product."""
    columns = dict(sorted(shape.columns.items()))
    parts = flat.split([n * (2 * l + 1) for (l, _), n in columns.items()], dim=1)
    return {(l, p): x.unflatten(1, (n, 2 * l + 1)).mT for ((l, p), n), x in zip(columns.items(), parts, strict=True)}
