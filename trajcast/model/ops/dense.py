"""Plain PyTorch for any device: one batched matrix product per l.

For each l, the couplings Σ CG · Y of an edge form a small matrix shared by all channels and both parities. It
multiplies the neighbour's features, path weights multiply the result, and `index_add` sums over neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core.neighbors.neighbor_list import Neighbors, of_edges
from trajcast.model.paths import (
    ByIrrep,
    Features,
    Irrep,
    Parities,
    ProductShape,
    coefficients,
    join_parities,
    path_of_output,
    paths_from,
    split_parities,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int

RANK = 10


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Always None: requires only PyTorch."""
    return None


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbour list with one atom index per edge, and harmonics."""

    atoms: Int[Tensor, " edges"]
    neighbors: Int[Tensor, " edges"]
    pair: Int[Tensor, " edges"] | None
    harmonics: Float[Tensor, "edges harmonics"]


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """The edges of all atoms."""
    return Edges(atoms=neighbors.atoms, neighbors=neighbors.index, pair=neighbors.pair, harmonics=harmonics)


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    near = [x.index_select(0, edges.neighbors) for x in features]
    messages = _products(shape, near, edges.harmonics, of_edges(hidden @ weight, edges.pair))
    atoms = len(features[0])
    return _collect(shape, [x.new_zeros(atoms, *x.shape[1:]).index_add(0, edges.atoms, x) for x in messages])


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y) of each atom; w depends on the atom's hidden values."""
    return _collect(shape, _products(shape, features, harmonics, hidden @ weight))


def _products(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "rows harmonics"],
    weights: Float[Tensor, "rows weights"],
) -> list[Float[Tensor, "rows outputs columns"]]:
    """Weighted products for each l_in, with all paths concatenated."""
    products = []
    for l, (x, path_weights) in enumerate(zip(features, _by_l(shape, weights), strict=True)):
        coupling = coefficients(l, shape.l_max, x.dtype, x.device)
        matrix = (harmonics @ coupling.permute(1, 2, 0).flatten(1)).unflatten(1, (coupling.shape[2], coupling.shape[0]))
        products.append((matrix @ x) * path_weights.index_select(1, path_of_output(l, shape.l_max, x.device)))
    return products


def elements(species: Int[Tensor, " atoms"], count: int) -> Int[Tensor, "atoms species"]:
    """One-hot encoding of each atom's element."""
    return torch.nn.functional.one_hot(species, count)


def species_linear(
    features: Features, parities: Parities, elements: Int[Tensor, "atoms species"], weights: ByIrrep
) -> Features:
    """Multiply each atom's channels by the matrix of its element; scaled weights are (channels, species, channels)."""
    return join_parities(
        {
            irrep: (x[..., None] * elements.to(x)[:, None, None, :]).flatten(2) @ weights[irrep].flatten(0, 1)
            for irrep, x in split_parities(features, parities).items()
        }
    )


def linear(features: ByIrrep, weights: ByIrrep) -> Features:
    """Multiply the columns of each (l, parity) by its matrix; scaled weights are (columns, output columns)."""
    return join_parities({irrep: features[irrep] @ weight for irrep, weight in weights.items()})


def _by_l(shape: ProductShape, weights: Float[Tensor, "rows weights"]) -> list[Float[Tensor, "rows paths columns"]]:
    """Weights for each l_in."""
    sizes = [(len(paths_from(l, shape.l_max)), shape.channels * len(p)) for l, p in enumerate(shape.parities)]
    parts = weights.split([paths * columns for paths, columns in sizes], dim=1)
    return [part.unflatten(1, size) for part, size in zip(parts, sizes, strict=True)]


def _collect(shape: ProductShape, outputs: list[Float[Tensor, "atoms outputs columns"]]) -> ByIrrep:
    """Rearrange the products of each l_in, with all paths concatenated, by output (l, parity)."""
    by_irrep: dict[Irrep, list[Tensor]] = {}
    for l, x in enumerate(outputs):
        paths = paths_from(l, shape.l_max)
        for path, part in zip(paths, x.split([2 * path.l_out + 1 for path in paths], dim=1), strict=True):
            present = shape.parities[l]
            for parity, columns in zip(present, part.chunk(max(1, len(present)), dim=-1), strict=False):
                by_irrep.setdefault((path.l_out, parity * (-1) ** path.l_y), []).append(columns)
    return {irrep: torch.cat(parts, dim=-1) for irrep, parts in by_irrep.items()}
