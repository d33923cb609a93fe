"""Runs the compiled product kernels: splits products into tasks and passes the kernels their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from trajcast.model.ops import _jit
from trajcast.model.ops._kernels import ARGUMENTS, coupling_matrix, kernel
from trajcast.model.ops._linear import SCALARS
from trajcast.model.ops._parts import Edges, Part
from trajcast.model.paths import ProductShape, paths_from

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import NDArray


def launch(
    shape: ProductShape,
    edges: Edges,
    part: Part,
    weights: Tensor,
    features: Sequence[Tensor],
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor] = (),
    factors: Float[Tensor, "edges 4"] | None = None,
) -> None:
    """Run the kernels on one part of a product.

    Args:
        weights: Path weights of the part's rows, or a table of spline coefficients if `factors` are given.
        outputs: Outputs by irrep, written by the forward kernels; in the backward pass, their gradients.
        gradients: Gradients of `weights` and `features`, to which the backward kernels add; empty for a forward pass.
        factors: B-spline factors of each edge.
    """
    points = 1 if factors is None else factors.shape[1]
    layout = _layout(shape, weights.dtype, torch.get_num_threads(), points)
    before = weights.itemsize * shape.weights_of[part.l or 0].start  # weights of smaller l are left out
    addresses = np.array([x.data_ptr() for x in outputs])[layout.irreps] + layout.offsets
    values = [
        0, part.first_atom, part.last_atom,
        edges.first.data_ptr(), edges.index.data_ptr(), edges.couplings.data_ptr(),
        part.rows.data_ptr() - 8 * part.first_edge, weights.data_ptr() - before, weights.stride(0),
        0 if factors is None else factors.data_ptr(), addresses.ctypes.data,
        *(x.data_ptr() for x in features),
    ]  # fmt: skip
    if gradients:
        values += [gradients[0].data_ptr() - before, *(x.data_ptr() for x in gradients[1:])]
    else:
        values += [0] * (1 + len(features))
    tasks = layout.tasks[part.l]
    arguments = layout.arguments[tasks] + np.array(values)[layout.values[tasks]]
    _jit.run(layout.functions[int(bool(gradients)), tasks], arguments)


_CALL_VALUES = (
    "", "first_atom", "last_atom", "first", "index", "couplings", "rows", "weights", "weights_per_row", "factors",
    "outputs",
)  # fmt: skip
"""Values of a call that all tasks share; followed by features of each l, weight gradients and feature gradients."""


@dataclass(frozen=True)
class _Layout:
    """Tasks of all products of one shape; a task is a set of blocks of columns of one l and one width."""

    tasks: dict[int | None, slice]  # tasks of each l; None: all tasks
    functions: NDArray[np.int64]  # (2, tasks): addresses of the forward and backward functions
    arguments: NDArray[np.int64]  # (tasks, arguments): constant part; addresses are relative to tensors
    values: NDArray[np.int64]  # (tasks, arguments): index of the call's value to add; value 0 is zero
    irreps: NDArray[np.int64]  # index of the output's irrep, for each block and path of all tasks
    offsets: NDArray[np.int64]  # bytes to the first output column, for each block and path of all tasks
    tables: tuple[NDArray[np.int64], ...]  # arrays that `arguments` point to, kept alive


@cache
def _layout(shape: ProductShape, dtype: torch.dtype, threads: int, points: int) -> _Layout:
    """One task per l and block width on a single thread; one task per block on several threads."""
    lanes = _jit.vector_bytes() // dtype.itemsize
    irreps, channels, l_max = list(shape.columns), shape.channels, shape.l_max
    couplings = np.cumsum([0, *(coupling_matrix(l, l_max).shape[1] for l in range(l_max + 1))])
    functions: list[list[int]] = []
    rows: list[dict[str, int]] = []
    values: list[dict[str, int]] = []
    tables: list[NDArray[np.int64]] = []
    table: list[tuple[int, int, int]] = []
    tasks: dict[int | None, slice] = {}
    for l, present in reversed(list(enumerate(shape.parities))):  # most expensive first
        begin = len(functions)
        slots = {(o.path, o.parity): o for o in shape.outputs if o.path.l_in == l}
        by_lanes: dict[int, list[tuple[int, int]]] = {}
        for start in range(0, channels, lanes):
            by_lanes.setdefault(min(lanes, channels - start), []).extend((k, start) for k in range(len(present)))
        for width, blocks in by_lanes.items():
            for task_blocks in [blocks] if threads == 1 else [[block] for block in blocks]:
                functions.append(_functions(l, l_max, width, SCALARS[dtype], points))
                tables.append(np.array([k * channels + start for k, start in task_blocks]))
                rows.append(
                    {
                        "blocks": len(task_blocks),
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
                features, gradients = len(_CALL_VALUES), len(_CALL_VALUES) + len(shape.parities)
                values.append({name: k for k, name in enumerate(_CALL_VALUES)})
                values[-1] |= {"features": features + l, "weight_gradients": gradients}
                values[-1] |= {"feature_gradients": gradients + 1 + l}
                for k, start in task_blocks:
                    outputs = [slots[path, present[k]] for path in paths_from(l, l_max)]
                    table += [
                        (irreps.index(o.irrep), o.slot * channels + start, shape.columns[o.irrep]) for o in outputs
                    ]
        tasks[l] = slice(begin, len(functions))
    irrep_indices, first_columns, widths = np.array(table).T.copy()
    arguments = np.array([[row.get(name, 0) for name in ARGUMENTS] for row in rows])
    arguments[:, ARGUMENTS.index("widths")] += widths.ctypes.data
    return _Layout(
        tasks=tasks | {None: slice(None)},
        functions=np.array(functions).T.copy(),
        arguments=arguments,
        values=np.array([[row.get(name, 0) for name in ARGUMENTS] for row in values]),
        irreps=irrep_indices,
        offsets=dtype.itemsize * first_columns,
        tables=(*tables, widths),
    )


@cache
def _functions(l: int, l_max: int, lanes: int, scalar: str, points: int) -> list[int]:
    """Addresses of the forward and the backward kernel."""
    names = ("forward", "backward")
    code = tuple(kernel(n, l, l_max, lanes, scalar, points, backward=n == "backward") for n in names)
    return _jit.compiled(code, names)
