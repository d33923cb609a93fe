"""Compiled for the CPU at hand: kernels written for the network's shapes, made by llvmlite in a tenth of a second.

Path weights are made for a few hundred edges at a time by a matrix product and used while they are in cache; sums over
neighbours stay in registers. Backward, the same weights are made again, so that nothing of size paths × edges is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.model.ops import _jit, _linear, dense
from trajcast.model.ops._directions import refuse_gradient
from trajcast.model.ops._kernels import ARGUMENTS, coupling_matrix, kernel
from trajcast.model.ops._linear import SCALARS, Block, Elements
from trajcast.model.ops._parts import Edges, Part, parts
from trajcast.model.paths import ByIrrep, Features, Irrep, Parities, ProductShape, paths_from
from trajcast.model.splines import Curves, Place, rows_apart

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy.typing import NDArray

RANK = 30

TRAINING_INTERVALS = {torch.float32: 256}
"""Of the grid of distances on which radial functions are computed in training; in float64 they are of every pair."""


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
    refuse_gradient(harmonics, "llvm")
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
    hidden: Float[Tensor, "pairs width"] | Curves,
    weight: Float[Tensor, "width weights"],
) -> ByIrrep:
    """Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂))."""
    if isinstance(hidden, Curves) and not hidden.worthwhile(shape.weights):
        hidden = hidden.values
    if isinstance(hidden, Curves):
        of_grid = _ProductOfGrid.apply if torch.is_grad_enabled() else _forward_of_grid
        outputs = of_grid(shape, edges, hidden, hidden.controls, weight, *features)
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
    """w · (h ⊗ Y), the weights of each atom from its own hidden values: every atom is its only neighbour."""
    refuse_gradient(harmonics, "llvm")
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


def linear(features: ByIrrep, weights: ByIrrep) -> Features:
    """The columns of each l and parity times their matrix; weights are (columns, columns of the result), scaled."""
    if torch.is_grad_enabled():  # gradients come faster from the library's products, one for each l and parity
        return dense.linear(features, weights)
    inputs = [features[irrep] for irrep in weights]
    blocks = _of_irreps(tuple((irrep, *weight.shape) for irrep, weight in weights.items()))
    return _linear.product(blocks, _of_one_kind(len(inputs[0])), inputs, list(weights.values()))


@cache
def _of_irreps(sizes: tuple[tuple[Irrep, int, int], ...]) -> tuple[Block, ...]:
    """Blocks that come one by one; those of one l go side by side, odd before even. Sizes are those of the matrices."""
    found, ends = [], dict.fromkeys((l for (l, _), _, _ in sizes), 0)
    for source, ((l, _), columns, width) in enumerate(sizes):
        found.append(Block(l, source, 0, columns, ends[l], width))
        ends[l] += width
    return tuple(found)


@lru_cache(maxsize=8)
def _of_one_kind(atoms: int) -> Elements:
    return Elements(order=None, place=None, ends=(atoms,))


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
    for part in parts(shape, edges, hidden):
        _run(shape, edges, part, part.of(hidden) @ shape.last_layer(weight, part.l), features, outputs)
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
        slopes = tuple(x.contiguous() for x in slopes)
        gradients = [torch.zeros_like(x) for x in features]
        hidden_gradient, weight_gradient = torch.zeros_like(hidden), torch.zeros_like(weight)
        for part in parts(ctx.shape, ctx.edges, hidden):
            own, last = part.of(hidden), ctx.shape.last_layer(weight, part.l)
            weights = own @ last
            weight_slopes = torch.zeros_like(weights)
            _run(ctx.shape, ctx.edges, part, weights, features, slopes, (weight_slopes, *gradients))
            part.add(hidden_gradient, weight_slopes @ last.T)
            ctx.shape.last_layer(weight_gradient, part.l).addmm_(own.T, weight_slopes)
        return None, None, hidden_gradient, weight_gradient, *gradients


def _forward_of_grid(
    shape: ProductShape, edges: Edges, curves: Curves, controls: Tensor, weight: Tensor, *features: Tensor
) -> tuple[Tensor, ...]:
    return _of_table(shape, edges, curves.place, curves.table(weight), [x.contiguous() for x in features])


def _of_table(
    shape: ProductShape, edges: Edges, place: Place, table: Tensor, features: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    atoms = len(edges.first) - 1
    outputs = tuple(table.new_empty(atoms, 2 * l + 1, n) for (l, _), n in shape.columns.items())
    own = place.of_edges(edges.pair)
    _run(shape, edges, Part(0, atoms, 0, None, own.first, None), table, features, outputs, factors=own.factors)
    return outputs


class _ProductOfGrid(torch.autograd.Function):
    """The same where the weights are splines of the distance: nothing is as large as the number of edges."""

    @staticmethod
    def forward(
        ctx: Any, shape: ProductShape, edges: Edges, curves: Curves, controls: Tensor, weight: Tensor, *features: Tensor
    ) -> tuple[Tensor, ...]:
        features = tuple(x.contiguous() for x in features)
        ctx.shape, ctx.edges, ctx.place, table = shape, edges, curves.place, curves.table(weight)
        ctx.save_for_backward(controls, weight, table, *features)
        return _of_table(shape, edges, curves.place, table, features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        controls, weight, table, *features = ctx.saved_tensors
        own = ctx.place.of_edges(ctx.edges.pair)
        part = Part(0, len(ctx.edges.first) - 1, 0, None, own.first, None)
        table_slopes = rows_apart(len(table), table)
        gradients = [torch.zeros_like(x) for x in features]
        slopes = tuple(x.contiguous() for x in slopes)
        _run(ctx.shape, ctx.edges, part, table, features, slopes, (table_slopes, *gradients), factors=own.factors)
        return None, None, None, table_slopes @ weight.T, controls.T @ table_slopes, *gradients


def _run(
    shape: ProductShape,
    edges: Edges,
    part: Part,
    weights: Tensor,
    features: Sequence[Tensor],
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor] = (),
    factors: Float[Tensor, "edges 4"] | None = None,
) -> None:
    """Let the kernels work on a part, whose edges have these `weights`; backward where there are `gradients`.

    With `factors` the weights are the coefficients of splines.
    """
    points = 1 if factors is None else factors.shape[1]
    layout = _layout(shape, weights.dtype, torch.get_num_threads(), points)
    before = weights.itemsize * shape.weights_of[part.l or 0].start  # weights that the part leaves out
    places = np.array([x.data_ptr() for x in outputs])[layout.irreps] + layout.offsets
    values = [
        0, part.first_atom, part.last_atom,
        edges.first.data_ptr(), edges.index.data_ptr(), edges.couplings.data_ptr(),
        part.rows.data_ptr() - 8 * part.first_edge, weights.data_ptr() - before, weights.stride(0),
        0 if factors is None else factors.data_ptr(), places.ctypes.data,
        *(x.data_ptr() for x in features),
    ]  # fmt: skip
    if gradients:
        values += [gradients[0].data_ptr() - before, *(x.data_ptr() for x in gradients[1:])]
    else:
        values += [0] * (1 + len(features))
    tasks = layout.tasks[part.l]
    arguments = layout.arguments[tasks] + np.array(values)[layout.values[tasks]]
    _jit.run(layout.functions[int(bool(gradients)), tasks], arguments)


_VALUES = (
    "", "first_atom", "last_atom", "first", "index", "couplings", "rows", "weights", "weights_per_row", "factors",
    "outputs",
)  # fmt: skip
"""What a call tells all tasks; then come the features of each l, the gradients of weights, and those of features."""


@dataclass(frozen=True)
class _Layout:
    """What all products of one shape have in common: a task is some blocks of columns of one l, all of one width."""

    tasks: dict[int | None, slice]  # those of each l, and all
    functions: NDArray[np.int64]  # (2, tasks) where each task's functions lie, forward and backward
    arguments: NDArray[np.int64]  # (tasks, arguments) those that never change; addresses from where tensors begin
    values: NDArray[np.int64]  # (tasks, arguments) which of a call's values is added to them; the first one is 0
    irreps: NDArray[np.int64]  # of each block and path of all tasks: number of the output's irrep,
    offsets: NDArray[np.int64]  # bytes to its first column there
    tables: tuple[NDArray[np.int64], ...]  # whose addresses are among the arguments


@cache
def _layout(shape: ProductShape, dtype: torch.dtype, threads: int, points: int) -> _Layout:
    """Blocks go together as far as they are of one width, or, for several threads, one by one."""
    lanes = _jit.vector_bytes() // dtype.itemsize
    irreps, channels, l_max = list(shape.columns), shape.channels, shape.l_max
    couplings = np.cumsum([0, *(coupling_matrix(l, l_max).shape[1] for l in range(l_max + 1))])
    functions: list[list[int]] = []
    rows: list[dict[str, int]] = []
    values: list[dict[str, int]] = []
    tables: list[NDArray[np.int64]] = []
    table: list[tuple[int, int, int]] = []
    tasks: dict[int | None, slice] = {}
    for l, present in reversed(list(enumerate(shape.parities))):  # the costliest first
        begin = len(functions)
        slots = {(o.path, o.parity): o for o in shape.outputs if o.path.l_in == l}
        by_lanes: dict[int, list[tuple[int, int]]] = {}
        for start in range(0, channels, lanes):
            by_lanes.setdefault(min(lanes, channels - start), []).extend((k, start) for k in range(len(present)))
        for width, blocks in by_lanes.items():
            for some in [blocks] if threads == 1 else [[block] for block in blocks]:
                functions.append(_functions(l, l_max, width, SCALARS[dtype], points))
                tables.append(np.array([k * channels + start for k, start in some]))
                rows.append(
                    {
                        "blocks": len(some),
                        "columns": tables[-1].ctypes.data,
                        "couplings": dtype.itemsize * int(couplings[l]),
                        "couplings_per_edge": int(couplings[-1]),
                        "weights": dtype.itemsize * shape.weights_of[l].start,
                        "weight_gradients": dtype.itemsize * shape.weights_of[l].start,
                        "weights_per_path": channels * len(present),
                        "features_per_atom": (2 * l + 1) * channels * len(present),
                        "features_per_row": channels * len(present),
                        "outputs": 8 * len(table),
                        "widths": 8 * len(table),
                    }
                )
                of_l, of_gradients = len(_VALUES) + l, len(_VALUES) + len(shape.parities)
                values.append({name: k for k, name in enumerate(_VALUES)})
                values[-1] |= {"features": of_l, "weight_gradients": of_gradients}
                values[-1] |= {"feature_gradients": of_gradients + 1 + l}
                for k, start in some:
                    found = [slots[path, present[k]] for path in paths_from(l, l_max)]
                    table += [(irreps.index(o.irrep), o.slot * channels + start, shape.columns[o.irrep]) for o in found]
        tasks[l] = slice(begin, len(functions))
    of_irreps, first_columns, widths = np.array(table).T.copy()
    arguments = np.array([[row.get(name, 0) for name in ARGUMENTS] for row in rows])
    arguments[:, ARGUMENTS.index("widths")] += widths.ctypes.data
    return _Layout(
        tasks=tasks | {None: slice(None)},
        functions=np.array(functions).T.copy(),
        arguments=arguments,
        values=np.array([[row.get(name, 0) for name in ARGUMENTS] for row in values]),
        irreps=of_irreps,
        offsets=dtype.itemsize * first_columns,
        tables=(*tables, widths),
    )


@cache
def _functions(l: int, l_max: int, lanes: int, scalar: str, points: int) -> list[int]:
    """Forward and backward."""
    names = ("forward", "backward")
    code = tuple(kernel(n, l, l_max, lanes, scalar, points, backward=n == "backward") for n in names)
    return _jit.compiled(code, names)
