"""Fused kernels for NVIDIA GPUs in Triton, which PyTorch for CUDA includes on Linux.

Messages are never stored; path weights are, for one l_in at a time. Sums have a fixed order, so results and gradients
are reproducible bit for bit. Gradients with respect to harmonics are not available.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trajcast.core.neighbors.neighbor_list import Neighbors, of_edges
from trajcast.model.ops import dense
from trajcast.model.ops._directions import refuse_gradient
from trajcast.model.paths import ByIrrep, Features, ProductShape, paths_from

if TYPE_CHECKING:
    from jaxtyping import Float, Int

RANK = 40  # highest on GPUs, since PyTorch for CUDA includes all dependencies

elements = dense.elements
species_linear = dense.species_linear
linear = dense.linear

EDGES_AT_ONCE = 4  # hides load latency; more would need too many registers
COLUMNS_AT_ONCE = 64


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Requires Triton and an NVIDIA GPU, or Triton's interpreter."""
    if find_spec("triton") is None:
        return "Triton is not installed; PyTorch for CUDA on Linux includes it"
    try:
        import triton  # noqa: F401
    except Exception as error:  # its compiled part may not match Python or the C library
        return f"Triton can't be loaded: {error}"
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return "it runs on NVIDIA GPUs only"
    if dtype not in (torch.float32, torch.float64):
        return f"it supports float32 and float64, not {dtype}"
    return None


class Incoming(NamedTuple):
    """Edges sorted by neighbour."""

    first: Int[Tensor, " atoms+1"]
    edges: Int[Tensor, " edges"]
    receivers: Int[Tensor, " edges"]  # the atom that each of `edges` belongs to


@dataclass(frozen=True)
class Edges:
    """Neighbour list in the layout of `Neighbors`, and harmonics."""

    first: Int[Tensor, " atoms+1"]
    index: Int[Tensor, " edges"]
    harmonics: Float[Tensor, "edges harmonics"]
    pair: Int[Tensor, " edges"] | None = None

    @cached_property
    def incoming(self) -> Incoming:
        """Edges for the backward pass, without the padding after the last atom's edges."""
        atoms, numbers = len(self.first) - 1, torch.arange(len(self.index), device=self.index.device)
        target, order = torch.where(numbers < self.first[-1], self.index, atoms).sort(stable=True)
        first = torch.searchsorted(target, torch.arange(atoms + 1, device=target.device))
        return Incoming(first, order, torch.searchsorted(self.first[1:], order, right=True))


class SelfEdges(Edges):
    """One edge from each atom to itself."""

    @cached_property
    def incoming(self) -> Incoming:
        return Incoming(self.first, self.index, self.index)


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """The edges of all atoms."""
    refuse_gradient(harmonics, "triton")
    return Edges(neighbors.first.contiguous(), neighbors.index.contiguous(), harmonics.contiguous(), neighbors.pair)


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    flat = _Product.apply(shape, edges, of_edges(hidden, edges.pair), weight, *features)
    atoms = len(edges.first) - 1
    sizes = [atoms * (2 * l + 1) * columns for (l, _), columns in shape.columns.items()]
    return {
        (l, p): part.view(atoms, 2 * l + 1, columns)
        for ((l, p), columns), part in zip(shape.columns.items(), flat.split(sizes), strict=True)
    }


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y) of each atom; w depends on the atom's hidden values."""
    refuse_gradient(harmonics, "triton")
    first = torch.arange(len(harmonics) + 1, device=harmonics.device)
    self_edges = SelfEdges(first=first, index=first[:-1], harmonics=harmonics.contiguous())
    return edge_product(shape, features, self_edges, hidden, weight)


class _Product(torch.autograd.Function):
    """The product as one flat tensor: for each irrep of `ProductShape.columns`, (atoms, 2l + 1, columns)."""

    @staticmethod
    def forward(
        ctx: Any, shape: ProductShape, edges: Edges, hidden: Tensor, weight: Tensor, *features: Tensor
    ) -> Tensor:
        features = tuple(h.contiguous() for h in features)
        ctx.shape, ctx.edges = shape, edges
        ctx.save_for_backward(hidden, weight, *features)
        atoms = len(edges.first) - 1
        numbers = sum((2 * l + 1) * columns for (l, _), columns in shape.columns.items())
        result = features[0].new_empty(atoms * numbers)
        for l, (h, part) in enumerate(zip(features, _by_l(shape, weight), strict=True)):
            if h.numel():
                weights = hidden @ part
                tensors = (h, edges.harmonics, weights, result, edges.first, edges.index)
                _launch("forward", shape, l, edges, tensors)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        shape, edges = ctx.shape, ctx.edges
        hidden, weight, *features = ctx.saved_tensors
        gradient = gradient.contiguous()
        hidden_gradient, weight_gradient, features_gradients = torch.zeros_like(hidden), [], []
        for l, (h, part) in enumerate(zip(features, _by_l(shape, weight), strict=True)):
            features_gradients.append(torch.empty_like(h))
            weights = hidden @ part
            weights_gradient = torch.zeros_like(weights)  # kernels skip padding, which must be zero
            if h.numel():
                tensors = (h, edges.harmonics, weights, gradient, features_gradients[-1], weights_gradient)
                _launch("backward", shape, l, edges, tensors + tuple(edges.incoming))
            hidden_gradient.addmm_(weights_gradient, part.T)
            weight_gradient.append(hidden.T @ weights_gradient)
        return None, None, hidden_gradient, torch.cat(weight_gradient, dim=1), *features_gradients


def _launch(name: str, shape: ProductShape, l: int, edges: Edges, tensors: tuple[Tensor, ...]) -> None:
    from trajcast.model.ops._triton_kernels import kernels  # imports Triton

    atoms, parities = len(edges.first) - 1, len(shape.parities[l])
    columns = min(COLUMNS_AT_ONCE, 1 << (shape.channels - 1).bit_length())
    kernel = getattr(kernels(l, shape.l_max), name)
    with torch.cuda.device_of(tensors[0]):
        kernel[atoms, -(-shape.channels // columns), parities](
            *tensors,
            _places(shape, l, tensors[0].device),
            atoms,
            channels=shape.channels,
            parities=parities,
            EDGES=1 if isinstance(edges, SelfEdges) else EDGES_AT_ONCE,
            COLUMNS=columns,
            num_warps=4,
            enable_fp_fusion=True,  # explicit, since Triton's default may change
        )


@cache
def _places(shape: ProductShape, l_in: int, device: torch.device) -> Int[Tensor, "parities paths 3"]:
    """Position of each path's outputs: numbers per atom before their irrep, first column, columns of the irrep."""
    before, numbers = {}, 0
    for irrep, columns in shape.columns.items():
        before[irrep] = numbers
        numbers += (2 * irrep[0] + 1) * columns
    rows = [
        (before[output.irrep], output.slot * shape.channels, shape.columns[output.irrep])
        for output in shape.outputs
        if output.path.l_in == l_in
    ]
    table = torch.tensor(rows).unflatten(0, (len(paths_from(l_in, shape.l_max)), len(shape.parities[l_in])))
    return table.transpose(0, 1).contiguous().to(device)


def _by_l(shape: ProductShape, weight: Float[Tensor, "width weights"]) -> tuple[Float[Tensor, "width weights"], ...]:
    """Weights for each l_in."""
    sizes = [
        len(paths_from(l, shape.l_max)) * len(parities) * shape.channels for l, parities in enumerate(shape.parities)
    ]
    return weight.split(sizes, dim=1)
