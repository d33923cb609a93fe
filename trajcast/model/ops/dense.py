"""Plain PyTorch, for any device: matrix products over a dense table of neighbours.

The sum over neighbours of h ⊗ Y ⊗ hidden comes first, as one matrix product per atom; a second one per column then
applies the weights and the Clebsch–Gordan coefficients. Nothing of size paths × edges is ever stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.model.paths import (
    ByIrrep,
    Features,
    Irrep,
    Parities,
    ProductShape,
    coefficients,
    path_of_output,
    paths_from,
    split_parities,
)
from trajcast.neighbors import Neighbors, of_edges

if TYPE_CHECKING:
    from jaxtyping import Float, Int

RANK = 10


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Never: it needs PyTorch alone."""
    return None


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbours as a table with one row per atom."""

    index: Int[Tensor, "atoms slots"]  # the neighbours; the own atom where a slot is empty
    number: Int[Tensor, "atoms slots"]  # of the edge; that after the last where a slot is empty
    harmonics: Float[Tensor, "atoms slots harmonics"]  # zero where a slot is empty
    pair: Int[Tensor, " edges"] | None


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """The table of all neighbours."""
    first, count = neighbors.first, len(neighbors.index)
    number = first[:-1, None] + torch.arange(max(1, neighbors.slots), device=first.device)
    number = torch.where(number < first[1:, None], number, count)
    atoms = torch.arange(len(number), device=first.device)[:, None].expand_as(number)
    index = torch.where(number < count, neighbors.index[number.clamp(max=count - 1)], atoms) if count else atoms
    return Edges(index=index, number=number, harmonics=_in_table(harmonics, number), pair=neighbors.pair)


def _in_table(values: Float[Tensor, "edges width"], number: Int[Tensor, "atoms slots"]) -> Tensor:
    return (
        torch.cat([values, values.new_zeros(1, values.shape[1])])
        .index_select(0, number.flatten())
        .unflatten(0, number.shape)
    )


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    atoms, l_max = len(edges.index), shape.l_max
    flat = torch.cat([h.flatten(1) for h in features], dim=1)
    gathered = flat.index_select(0, edges.index.flatten()).unflatten(0, edges.index.shape)
    table = _in_table(of_edges(hidden, edges.pair), edges.number)
    spread = (edges.harmonics[..., None] * table[:, :, None]).flatten(2)
    sums = gathered.mT @ spread  # atoms, features, harmonics × hidden
    outputs: list[Tensor] = []
    parts = sums.split([h.shape[1] * h.shape[2] for h in features], dim=1)
    for l, (part, own) in enumerate(zip(parts, _by_l(shape, weight), strict=True)):
        columns = features[l].shape[2]
        by_column = part.unflatten(1, (-1, columns)).permute(2, 0, 1, 3).reshape(columns, atoms, -1)
        per_output = own.index_select(1, path_of_output(l, l_max, flat.device)).permute(2, 0, 1)
        coupling = coefficients(l, l_max, flat.dtype, flat.device)
        matrix = (coupling[None, :, :, None] * per_output[:, None, None]).flatten(1, 3)
        product = by_column @ matrix
        if product.requires_grad:  # on strides as permuted below, a batched product would go column by column
            product.register_hook(Tensor.contiguous)
        outputs.append(product.permute(1, 2, 0))
    return _collect(shape, outputs)


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y), the weights of each atom from its own hidden values."""
    outputs: list[Tensor] = []
    for l, own in enumerate(_by_l(shape, weight)):
        coupling = coefficients(l, shape.l_max, harmonics.dtype, harmonics.device)
        matrix = (harmonics @ coupling.transpose(0, 1).flatten(1)).unflatten(1, coupling.shape[::2])
        weights = (hidden @ own.flatten(1)).unflatten(1, own.shape[1:])
        per_output = weights.index_select(1, path_of_output(l, shape.l_max, harmonics.device))
        outputs.append((matrix.mT @ features[l]) * per_output)
    return _collect(shape, outputs)


def elements(species: Int[Tensor, " atoms"], count: int) -> Int[Tensor, "atoms species"]:
    """1 for each atom's element, 0 for the other `count` − 1."""
    return torch.nn.functional.one_hot(species, count)


def species_linear(
    features: Features, parities: Parities, elements: Int[Tensor, "atoms species"], weights: ByIrrep
) -> ByIrrep:
    """Each atom's channels times the matrix of its element; weights are (channels, species, channels), scaled."""
    return {
        irrep: (x[..., None] * elements.to(x)[:, None, None, :]).flatten(2) @ weights[irrep].flatten(0, 1)
        for irrep, x in split_parities(features, parities).items()
    }


def _by_l(shape: ProductShape, weight: Float[Tensor, "width weights"]) -> list[Float[Tensor, "width paths columns"]]:
    """The weights of each l_in."""
    sizes = [(len(paths_from(l, shape.l_max)), shape.channels * len(p)) for l, p in enumerate(shape.parities)]
    parts = weight.split([paths * columns for paths, columns in sizes], dim=1)
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
