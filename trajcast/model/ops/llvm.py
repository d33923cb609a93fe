"""Kernels for the network's shapes, compiled for the host CPU by llvmlite in about 0.1 s.

A matrix product computes path weights for a few hundred edges at a time, which are used while in cache; sums over
neighbours stay in registers. The backward pass recomputes the weights, so that no tensor of size paths × edges is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.model.ops import _linear, dense
from trajcast.model.ops._directions import refuse_gradient
from trajcast.model.ops._kernels import coupling_matrix
from trajcast.model.ops._launch import launch
from trajcast.model.ops._linear import SCALARS, Block, Elements
from trajcast.model.ops._parts import Edges, Part, parts
from trajcast.model.paths import ByIrrep, Features, Irrep, Parities, ProductShape
from trajcast.model.splines import Curves, Place, padded_zeros

if TYPE_CHECKING:
    from jaxtyping import Float, Int

RANK = 30

TRAINING_INTERVALS = {torch.float32: 256}
"""Intervals of the distance grid for radial functions in training; in float64 they are evaluated at every pair."""


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Requires a CPU and llvmlite."""
    if device.type != "cpu":
        return "it runs on CPUs only"
    if dtype not in SCALARS:
        return f"it supports float32 and float64, not {dtype}"
    try:
        import llvmlite.binding  # noqa: F401
    except (ImportError, OSError) as error:
        return f"llvmlite can't be loaded ({error}): pip install llvmlite"
    return None


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """The edges of all atoms, with their couplings."""
    refuse_gradient(harmonics, "llvm")
    return Edges(
        first=neighbors.first.contiguous(),
        index=neighbors.index.contiguous(),
        couplings=_couplings(harmonics),
        pair=None if neighbors.pair is None else neighbors.pair.contiguous(),
    )


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"] | Curves,
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    if isinstance(hidden, Curves) and not hidden.worthwhile(shape.weights):
        hidden = hidden.values
    if isinstance(hidden, Curves):
        product = _GridProduct.apply if torch.is_grad_enabled() else _forward_on_grid
        outputs = product(shape, edges, hidden, hidden.controls, weight, *features)
    else:
        outputs = (_Product.apply if torch.is_grad_enabled() else _forward)(shape, edges, hidden, weight, *features)
    return dict(zip(shape.columns, outputs, strict=True))


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"] | Curves,
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y) of each atom, computed as an edge product whose edges join each atom to itself."""
    refuse_gradient(harmonics, "llvm")
    numbers = torch.arange(len(harmonics) + 1)
    self_edges = Edges(first=numbers, index=numbers[:-1], couplings=_couplings(harmonics))
    return edge_product(shape, features, self_edges, hidden, weight)


def elements(species: Int[Tensor, " atoms"], count: int) -> Elements:
    """The atoms sorted by element."""
    order = torch.argsort(species, stable=True)
    sorted_already = bool((species[1:] >= species[:-1]).all())
    return Elements(
        order=None if sorted_already else order,
        place=None if sorted_already else torch.argsort(order),
        ends=tuple(torch.bincount(species, minlength=count).cumsum(0).tolist()),
    )


def species_linear(features: Features, parities: Parities, elements: Elements, weights: ByIrrep) -> Features:
    """Multiply each atom's channels by the matrix of its element; scaled weights are (channels, species, channels)."""
    some = next(iter(weights.values()))
    return _linear.product(_blocks_of_parities(parities, some.shape[0]), elements, features, list(weights.values()))


def linear(features: ByIrrep, weights: ByIrrep) -> Features:
    """Multiply the columns of each (l, parity) by its matrix; scaled weights are (columns, output columns)."""
    if torch.is_grad_enabled():  # the library's products, one per (l, parity), have faster gradients
        return dense.linear(features, weights)
    inputs = [features[irrep] for irrep in weights]
    blocks = _blocks_of_irreps(tuple((irrep, *weight.shape) for irrep, weight in weights.items()))
    return _linear.product(blocks, _single_element(len(inputs[0])), inputs, list(weights.values()))


@cache
def _blocks_of_irreps(sizes: tuple[tuple[Irrep, int, int], ...]) -> tuple[Block, ...]:
    """Blocks of separate inputs, one per irrep; results of one l are concatenated, odd before even.

    Args:
        sizes: Irrep, rows and columns of each matrix.
    """
    blocks, ends = [], dict.fromkeys((l for (l, _), _, _ in sizes), 0)
    for source, ((l, _), columns, width) in enumerate(sizes):
        blocks.append(Block(l, source, 0, columns, ends[l], width))
        ends[l] += width
    return tuple(blocks)


@lru_cache(maxsize=8)
def _single_element(atoms: int) -> Elements:
    return Elements(order=None, place=None, ends=(atoms,))


@cache
def _blocks_of_parities(parities: Parities, channels: int) -> tuple[Block, ...]:
    """Blocks of features by l, whose results have the same layout."""
    return tuple(
        Block(l, l, k * channels, channels, k * channels, channels)
        for l, present in enumerate(parities)
        for k in range(len(present))
    )


def _couplings(harmonics: Float[Tensor, "edges harmonics"]) -> Float[Tensor, "edges couplings"]:
    return harmonics @ _coupling_matrix(math.isqrt(harmonics.shape[1]) - 1, harmonics.dtype)


@cache
def _coupling_matrix(l_max: int, dtype: torch.dtype) -> Tensor:
    return torch.cat([coupling_matrix(l, l_max) for l in range(l_max + 1)], dim=1).to(dtype)


def _forward(
    shape: ProductShape, edges: Edges, hidden: Tensor, weight: Tensor, *features: Tensor
) -> tuple[Tensor, ...]:
    features = tuple(x.contiguous() for x in features)
    atoms = len(edges.first) - 1
    outputs = tuple(hidden.new_empty(atoms, 2 * l + 1, n) for (l, _), n in shape.columns.items())
    for part in parts(shape, edges, hidden):
        launch(shape, edges, part, part.of(hidden) @ shape.last_layer(weight, part.l), features, outputs)
    return outputs


class _Product(torch.autograd.Function):
    """Edge product with gradients of hidden values, weights and features."""

    @staticmethod
    def forward(
        ctx: Any, shape: ProductShape, edges: Edges, hidden: Tensor, weight: Tensor, *features: Tensor
    ) -> tuple[Tensor, ...]:
        features = tuple(x.contiguous() for x in features)
        ctx.shape, ctx.edges = shape, edges
        ctx.save_for_backward(hidden, weight, *features)
        return _forward(shape, edges, hidden, weight, *features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, *features = ctx.saved_tensors
        grads = tuple(x.contiguous() for x in grads)
        gradients = [torch.zeros_like(x) for x in features]
        hidden_gradient, weight_gradient = torch.zeros_like(hidden), torch.zeros_like(weight)
        for part in parts(ctx.shape, ctx.edges, hidden):
            rows, last = part.of(hidden), ctx.shape.last_layer(weight, part.l)
            weights = rows @ last
            path_gradient = torch.zeros_like(weights)
            launch(ctx.shape, ctx.edges, part, weights, features, grads, (path_gradient, *gradients))
            part.add(hidden_gradient, path_gradient @ last.T)
            ctx.shape.last_layer(weight_gradient, part.l).addmm_(rows.T, path_gradient)
        return None, None, hidden_gradient, weight_gradient, *gradients


def _forward_on_grid(
    shape: ProductShape, edges: Edges, curves: Curves, controls: Tensor, weight: Tensor, *features: Tensor
) -> tuple[Tensor, ...]:
    return _forward_from_table(shape, edges, curves.place, curves.table(weight), [x.contiguous() for x in features])


def _forward_from_table(
    shape: ProductShape, edges: Edges, place: Place, table: Tensor, features: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    atoms = len(edges.first) - 1
    outputs = tuple(table.new_empty(atoms, 2 * l + 1, n) for (l, _), n in shape.columns.items())
    places = place.of_edges(edges.pair)
    part = Part(0, atoms, 0, None, places.first, None)
    launch(shape, edges, part, table, features, outputs, factors=places.factors)
    return outputs


class _GridProduct(torch.autograd.Function):
    """The same with weights that are splines of the distance; path weights are never stored per edge."""

    @staticmethod
    def forward(
        ctx: Any, shape: ProductShape, edges: Edges, curves: Curves, controls: Tensor, weight: Tensor, *features: Tensor
    ) -> tuple[Tensor, ...]:
        features = tuple(x.contiguous() for x in features)
        ctx.shape, ctx.edges, ctx.place, table = shape, edges, curves.place, curves.table(weight)
        ctx.save_for_backward(controls, weight, table, *features)
        return _forward_from_table(shape, edges, curves.place, table, features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        controls, weight, table, *features = ctx.saved_tensors
        places = ctx.place.of_edges(ctx.edges.pair)
        part = Part(0, len(ctx.edges.first) - 1, 0, None, places.first, None)
        table_gradient = padded_zeros(len(table), table)
        gradients = [torch.zeros_like(x) for x in features]
        grads = tuple(x.contiguous() for x in grads)
        launch(ctx.shape, ctx.edges, part, table, features, grads, (table_gradient, *gradients), factors=places.factors)
        return None, None, None, table_gradient @ weight.T, controls.T @ table_gradient, *gradients
