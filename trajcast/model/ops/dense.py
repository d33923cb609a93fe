"""Plain PyTorch, for any device: batched matrix products, one for each l.

The couplings Σ CG · Y of an edge are a small matrix for each l, shared by all channels and both parities;
it multiplies the neighbour's features, the path weights multiply the result, and index_add sums it over neighbours.
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
    """Never: it needs PyTorch alone."""
    return None


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbours as a list, with their harmonics."""

    atoms: Int[Tensor, " edges"]
    neighbors: Int[Tensor, " edges"]
    pair: Int[Tensor, " edges"] | None
    harmonics: Float[Tensor, "edges harmonics"]


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """All neighbours."""
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
    """w · (h ⊗ Y), the weights of each atom from its own hidden values."""
    return _collect(shape, _products(shape, features, harmonics, hidden @ weight))


def _products(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "rows harmonics"],
    weights: Float[Tensor, "rows weights"],
) -> list[Float[Tensor, "rows outputs columns"]]:
    """For each l_in the weighted products of all paths, side by side."""
    found = []
    for l, (x, own) in enumerate(zip(features, _by_l(shape, weights), strict=True)):
        coupling = coefficients(l, shape.l_max, x.dtype, x.device)
        matrix = (harmonics @ coupling.permute(1, 2, 0).flatten(1)).unflatten(1, (coupling.shape[2], coupling.shape[0]))
        found.append((matrix @ x) * own.index_select(1, path_of_output(l, shape.l_max, x.device)))
    return found


def elements(species: Int[Tensor, " atoms"], count: int) -> Int[Tensor, "atoms species"]:
    """1 for each atom's element, 0 for the other `count` − 1."""
    return torch.nn.functional.one_hot(species, count)


def species_linear(
    features: Features, parities: Parities, elements: Int[Tensor, "atoms species"], weights: ByIrrep
) -> Features:
    """Each atom's channels times the matrix of its element; weights are (channels, species, channels), scaled."""
    return join_parities(
        {
            irrep: (x[..., None] * elements.to(x)[:, None, None, :]).flatten(2) @ weights[irrep].flatten(0, 1)
            for irrep, x in split_parities(features, parities).items()
        }
    )


def linear(features: ByIrrep, weights: ByIrrep) -> Features:
    """The columns of each l and parity times their matrix; weights are (columns, columns of the result), scaled."""
    return join_parities({irrep: features[irrep] @ weight for irrep, weight in weights.items()})


def _by_l(shape: ProductShape, weights: Float[Tensor, "rows weights"]) -> list[Float[Tensor, "rows paths columns"]]:
    """The weights of each l_in."""
    sizes = [(len(paths_from(l, shape.l_max)), shape.channels * len(p)) for l, p in enumerate(shape.parities)]
    parts = weights.split([paths * columns for paths, columns in sizes], dim=1)
    return [part.unflatten(1, size) for part, size in zip(parts, sizes, strict=True)]


def _collect(shape: ProductShape, outputs: list[Float[Tensor, "atoms outputs columns"]]) -> ByIrrep:
    """The products of each l_in, all paths side by side, by l and parity of the outcome."""
    found: dict[Irrep, list[Tensor]] = {}
    for l, x in enumerate(outputs):
        paths = paths_from(l, shape.l_max)
        for path, part in zip(paths, x.split([2 * path.l_out + 1 for path in paths], dim=1), strict=True):
            present = shape.parities[l]
            for parity, columns in zip(present, part.chunk(max(1, len(present)), dim=-1), strict=False):
                found.setdefault((path.l_out, parity * (-1) ** path.l_y), []).append(columns)
    return {irrep: torch.cat(parts, dim=-1) for irrep, parts in found.items()}
