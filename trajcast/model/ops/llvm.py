"""Compiled for the CPU at hand: kernels written for the network's shapes, made by llvmlite in a tenth of a second.

Path weights are made for a few hundred edges at a time by a matrix product and used while they are in cache; sums over
neighbours stay in registers. Backward, the same weights are made again, so that nothing of size paths × edges is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trajcast.model.ops import _jit, _linear
from trajcast.model.ops._kernels import ARGUMENTS, coupling_matrix, kernel
from trajcast.model.ops._linear import SCALARS, Block, Elements
from trajcast.model.ops._parts import Edges, Part, parts
from trajcast.model.paths import ByIrrep, Features, Parities, ProductShape, paths_from
from trajcast.neighbors import Neighbors

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy.typing import NDArray

RANK = 30


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """On anything but a CPU, or without llvmlite."""
    if device.type != "cpu":
        return "it computes on CPUs only"
    if dtype not in SCALARS:
        return f"it knows float32 and float64, not {dtype}"
    try:
        import llvmlite.binding  # noqa: F401
    except (ImportError, OSError) as error:
        return f"llvmlite can't be loaded ({error}): pip install llvmlite"
    return None


def edges(neighbors: Neighbors, harmonics: Float[Tensor, "edges harmonics"]) -> Edges:
    """The couplings of all edges, for all layers."""
    return Edges(
        first=neighbors.first.contiguous(),
        index=neighbors.index.contiguous(),
        couplings=_coupled(harmonics),
        pair=None if neighbors.pair is None else neighbors.pair.contiguous(),
    )


def edge_product(
    shape: ProductShape,
    features: Features,
    edges: Edges,
    hidden: Float[Tensor, "pairs width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    outputs = (_Product.apply if torch.is_grad_enabled() else _forward)(shape, edges, hidden, weight, *features)
    return dict(zip(shape.columns, outputs, strict=True))


def node_product(
    shape: ProductShape,
    features: Features,
    harmonics: Float[Tensor, "atoms harmonics"],
    hidden: Float[Tensor, "atoms width"],
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """w · (h ⊗ Y), the weights of each atom from its own hidden values: every atom is its only neighbour."""
    numbers = torch.arange(len(harmonics) + 1)
    own = Edges(first=numbers, index=numbers[:-1], couplings=_coupled(harmonics))
    return edge_product(shape, features, own, hidden, weight)


def elements(species: Int[Tensor, " atoms"], count: int) -> Elements:
    """The atoms of each of `count` elements."""
    order = torch.argsort(species, stable=True)
    sorted_already = bool((species[1:] >= species[:-1]).all())
    return Elements(
        order=None if sorted_already else order,
        place=None if sorted_already else torch.argsort(order),
        ends=tuple(torch.bincount(species, minlength=count).cumsum(0).tolist()),
    )


def species_linear(features: Features, parities: Parities, elements: Elements, weights: ByIrrep) -> Features:
    """Each atom's channels times the matrix of its element; weights are (channels, species, channels), scaled."""
    some = next(iter(weights.values()))
    return _linear.product(_of_parities(parities, some.shape[0]), elements, features, list(weights.values()))


@cache
def _of_parities(parities: Parities, channels: int) -> tuple[Block, ...]:
    """Blocks of joined features, which stay where they are."""
    return tuple(
        Block(l, l, k * channels, channels, k * channels, channels)
        for l, present in enumerate(parities)
        for k in range(len(present))
    )


def _coupled(harmonics: Float[Tensor, "edges harmonics"]) -> Float[Tensor, "edges couplings"]:
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
    call = _Call(shape, edges, features, outputs)
    for part in parts(edges, shape.weights * call.size):
        call.run(part, part.of(hidden) @ weight)
    return outputs


class _Product(torch.autograd.Function):
    """The product with gradients of hidden values, weights and features."""

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
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, *features = ctx.saved_tensors
        gradients = [torch.zeros_like(x) for x in features]
        hidden_gradient, weight_gradient = torch.zeros_like(hidden), torch.zeros_like(weight)
        call = _Call(ctx.shape, ctx.edges, features, [x.contiguous() for x in slopes], gradients)
        for part in parts(ctx.edges, ctx.shape.weights * call.size):
            own = part.of(hidden)
            weights = own @ weight
            weight_slopes = torch.zeros_like(weights)
            call.run(part, weights, weight_slopes)
            part.add(hidden_gradient, weight_slopes @ weight.T)
            weight_gradient.addmm_(own.T, weight_slopes)
        return None, None, hidden_gradient, weight_gradient, *gradients


@dataclass(frozen=True)
class _Layout:
    """What all products of one shape have in common: a task is some blocks of columns of one l, all of one width."""

    functions: NDArray[np.int64]  # (2, tasks) where each task's functions lie, forward and backward
    arguments: NDArray[np.int64]  # (tasks, arguments) those that never change
    l: NDArray[np.int64]  # of each task
    columns: list[NDArray[np.int64]]  # of each task: first column of each block
    irreps: NDArray[np.int64]  # of each block and path of all tasks: number of the output's irrep,
    offsets: NDArray[np.int64]  # first column there,
    widths: NDArray[np.int64]  # how many columns there are
    tables: NDArray[np.int64]  # where each task's blocks begin in the three
    weights: NDArray[np.int64]  # of each task: where the weights of its l begin
    couplings: NDArray[np.int64]  # of each task: where the couplings of its l begin


@cache
def _layout(shape: ProductShape, dtype: torch.dtype, threads: int) -> _Layout:
    """Blocks go together as far as they are of one width, or, for several threads, one by one."""
    lanes = _jit.vector_bytes() // dtype.itemsize
    irreps, channels, l_max = list(shape.columns), shape.channels, shape.l_max
    weights = np.cumsum([0, *(channels * len(p) * len(paths_from(l, l_max)) for l, p in enumerate(shape.parities))])
    coupling_starts = np.cumsum([0, *(coupling_matrix(l, l_max).shape[1] for l in range(l_max + 1))])
    functions: list[list[int]] = [[], []]
    rows, l_of, columns, tables = [], [], [], []
    table: list[tuple[int, int, int]] = []
    for l, present in reversed(list(enumerate(shape.parities))):  # the costliest first
        slots = {(o.path, o.parity): o for o in shape.outputs if o.path.l_in == l}
        by_lanes: dict[int, list[tuple[int, int]]] = {}
        for start in range(0, channels, lanes):
            by_lanes.setdefault(min(lanes, channels - start), []).extend((k, start) for k in range(len(present)))
        for width, blocks in by_lanes.items():
            made = _functions(l, l_max, width, SCALARS[dtype])
            for some in [blocks] if threads == 1 else [[block] for block in blocks]:
                functions[0].append(made[0])
                functions[1].append(made[1])
                l_of.append(l)
                columns.append(np.array([k * channels + start for k, start in some]))
                tables.append(len(table))
                rows.append(
                    {
                        "blocks": len(some),
                        "columns": columns[-1].ctypes.data,
                        "couplings_per_edge": int(coupling_starts[-1]),
                        "weights_per_row": shape.weights,
                        "weights_per_path": channels * len(present),
                        "features_per_atom": (2 * l + 1) * channels * len(present),
                        "features_per_row": channels * len(present),
                    }
                )
                for k, start in some:
                    found = [slots[path, present[k]] for path in paths_from(l, l_max)]
                    table += [(irreps.index(o.irrep), o.slot * channels + start, shape.columns[o.irrep]) for o in found]
    by_output = np.array(table).T.copy()
    return _Layout(
        functions=np.array(functions),
        arguments=np.array([[row.get(name, 0) for name in ARGUMENTS] for row in rows]),
        l=np.array(l_of),
        columns=columns,
        irreps=by_output[0],
        offsets=by_output[1],
        widths=by_output[2],
        tables=np.array(tables),
        weights=weights[l_of],
        couplings=coupling_starts[l_of],
    )


@cache
def _functions(l: int, l_max: int, lanes: int, scalar: str) -> list[int]:
    """Forward and backward."""
    names = ("forward", "backward")
    return _jit.compiled(tuple(kernel(n, l, l_max, lanes, scalar, backward=n == "backward") for n in names), names)


class _Call:
    """One product: all that its kernels are told."""

    def __init__(
        self,
        shape: ProductShape,
        edges: Edges,
        features: Sequence[Tensor],
        outputs: Sequence[Tensor],
        gradients: Sequence[Tensor] | None = None,
    ):
        dtype = edges.couplings.dtype
        layout = _layout(shape, dtype, torch.get_num_threads())
        self.size, self.layout = dtype.itemsize, layout
        self.used = (edges, features, outputs, gradients)  # whose addresses the kernels get
        self.functions = layout.functions[int(gradients is not None)]
        self.outputs = _addresses(outputs)[layout.irreps] + layout.offsets * self.size
        self.arguments = layout.arguments.copy()
        self.rows = self.arguments.ctypes.data + 8 * len(ARGUMENTS) * np.arange(len(self.arguments))
        self._set("first", edges.first.data_ptr())
        self._set("index", edges.index.data_ptr())
        self._set("couplings", edges.couplings.data_ptr() + layout.couplings * self.size)
        self._set("features", _addresses(features)[layout.l])
        self._set("outputs", self.outputs.ctypes.data + 8 * layout.tables)
        self._set("widths", layout.widths.ctypes.data + 8 * layout.tables)
        if gradients is not None:
            self._set("feature_gradients", _addresses(gradients)[layout.l])

    def _set(self, name: str, values: int | NDArray[np.int64]) -> None:
        self.arguments[:, _NUMBER[name]] = values

    def run(self, part: Part, weights: Tensor, weight_gradients: Tensor | None = None) -> None:
        """Let the kernels work on some atoms; `weights` are those of their edges."""
        self._set("first_atom", part.first_atom)
        self._set("last_atom", part.last_atom)
        self._set("rows", part.rows.data_ptr() - 8 * part.first_edge)
        self._set("weights", weights.data_ptr() + self.layout.weights * self.size)
        if weight_gradients is not None:
            self._set("weight_gradients", weight_gradients.data_ptr() + self.layout.weights * self.size)
        _jit.run(self.functions, self.rows)


_NUMBER = {name: k for k, name in enumerate(ARGUMENTS)}


def _addresses(tensors: Sequence[Tensor]) -> NDArray[np.int64]:
    return np.array([x.data_ptr() for x in tensors])
