"""Matrix products of features with weights, in one pass over all l, parities and elements, compiled for the host CPU.

For few atoms, each product is so small that a call to a library takes longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trajcast.model.ops import _jit
from trajcast.model.ops._code import Code
from trajcast.model.paths import Features

if TYPE_CHECKING:
    from jaxtyping import Int
    from numpy.typing import NDArray

ROWS = 6
"""Rows per tile; a kernel keeps their sums in registers, each four vectors wide (two if there are few registers)."""

ARGUMENTS = 9
"""Number of entries in the argument array of a kernel; see `kernel`."""

SCALARS = {torch.float32: "float", torch.float64: "double"}


class Block(NamedTuple):
    """The columns of one l and parity: their position in the inputs and in the result for that l."""

    l: int
    source: int  # index of the input
    start: int  # first column there
    columns: int  # number of input columns
    target: int  # first column in the result
    width: int  # number of columns in the result


@dataclass(frozen=True)
class Elements:
    """Atoms sorted by element."""

    order: Int[Tensor, " atoms"] | None  # atoms sorted by element; None if already in order
    place: Int[Tensor, " atoms"] | None  # position of each atom in `order`; None if already in order
    ends: tuple[int, ...]  # end of each element's range of sorted atoms
    _rows: dict[int, Tensor] = field(default_factory=dict)

    def rows(self, l: int) -> Int[Tensor, " rows"]:
        """Indices of the rows of features of `l`, sorted by element."""
        if l not in self._rows:
            atoms = torch.arange(self.ends[-1]) if self.order is None else self.order
            self._rows[l] = (atoms[:, None] * (2 * l + 1) + torch.arange(2 * l + 1)).flatten()
        return self._rows[l]


def product(
    blocks: tuple[Block, ...], elements: Elements, inputs: Sequence[Tensor], weights: Sequence[Tensor]
) -> Features:
    """Multiply the columns of each block by the matrix of each atom's element.

    Args:
        weights: One tensor (columns, elements, width) per block; without gradients, (columns, width) for one element.

    Returns:
        One tensor per l, with the results of its blocks concatenated over columns.
    """
    inputs = [x.contiguous() for x in inputs]
    if torch.is_grad_enabled():
        return list(_Product.apply(blocks, elements, len(inputs), *inputs, *weights))
    return _forward(blocks, elements, inputs, weights)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, blocks: tuple[Block, ...], elements: Elements, count: int, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.blocks, ctx.elements, ctx.count = blocks, elements, count
        ctx.save_for_backward(*tensors)
        return tuple(_forward(blocks, elements, tensors[:count], tensors[count:]))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *output_gradients: Tensor) -> tuple[Tensor | None, ...]:
        elements, blocks = ctx.elements, ctx.blocks
        inputs = [_sorted(x, elements.order) for x in ctx.saved_tensors[: ctx.count]]
        weights = ctx.saved_tensors[ctx.count :]
        output_gradients = tuple(_sorted(x.contiguous(), elements.order) for x in output_gradients)
        gradients, weight_gradients = [torch.empty_like(x) for x in inputs], [torch.empty_like(w) for w in weights]
        for block, weight, weight_gradient in zip(blocks, weights, weight_gradients, strict=True):
            for element, rows in _rows_of(block.l, elements):
                columns = slice(block.start, block.start + block.columns)
                grad = output_gradients[block.l].flatten(0, 1)[rows, block.target : block.target + block.width]
                torch.mm(grad, weight[:, element].T, out=gradients[block.source].flatten(0, 1)[rows, columns])
                torch.mm(inputs[block.source].flatten(0, 1)[rows, columns].T, grad, out=weight_gradient[:, element])
        return None, None, None, *(_sorted(x, elements.place) for x in gradients), *weight_gradients


def _sorted(x: Tensor, atoms: Int[Tensor, " atoms"] | None) -> Tensor:
    return x if atoms is None else x.index_select(0, atoms)


def _rows_of(l: int, elements: Elements) -> Iterator[tuple[int, slice]]:
    """Index of each element, and its range of rows."""
    for element, (start, end) in enumerate(zip((0, *elements.ends[:-1]), elements.ends, strict=True)):
        yield element, slice(start * (2 * l + 1), end * (2 * l + 1))


def _forward(
    blocks: tuple[Block, ...], elements: Elements, inputs: Sequence[Tensor], weights: Sequence[Tensor]
) -> Features:
    dtype, atoms = inputs[0].dtype, elements.ends[-1]
    weights = [w if w.stride(-1) == 1 else w.contiguous() for w in weights]
    strides = tuple(w.stride()[:2] for w in weights)
    columns = tuple(x.shape[2] for x in inputs)
    plan = _plan(blocks, elements.ends, columns, strides, dtype, torch.get_num_threads())
    outputs = [inputs[0].new_empty(atoms, 2 * l + 1, width) for l, width in enumerate(plan.widths)]
    rows = [elements.rows(l) for l in range(len(outputs))]
    addresses = np.array([0, *(x.data_ptr() for tensors in (rows, inputs, weights, outputs) for x in tensors)])
    _jit.run(plan.functions, plan.arguments + addresses[plan.tensors])
    return outputs


@dataclass(frozen=True)
class _Plan:
    """Tasks for all products of the same sizes: one per block, element, group of columns and range of rows."""

    widths: list[int]  # columns of the result for each l
    functions: NDArray[np.int64]  # address of each task's function
    arguments: NDArray[np.int64]  # (tasks, arguments), with addresses relative to their tensors
    tensors: NDArray[np.int64]  # (tasks, arguments), index of that tensor, from 1; 0 for other arguments


@lru_cache(maxsize=256)
def _plan(
    blocks: tuple[Block, ...],
    ends: tuple[int, ...],
    columns: tuple[int, ...],
    strides: tuple[tuple[int, int], ...],
    dtype: torch.dtype,
    threads: int,
) -> _Plan:
    by_l = [[b for b in blocks if b.l == l] for l in range(max(b.l for b in blocks) + 1)]
    widths = [sum(b.width for b in blocks_of_l) for blocks_of_l in by_l]
    most = _most_columns(dtype)
    inputs = 1 + len(by_l)  # index of the first input tensor: rows come before inputs, weights and results after
    weights = inputs + len(columns)
    results = weights + len(blocks)
    tasks: list[tuple[int, list[int], list[int]]] = []
    for number, b in reversed(list(enumerate(blocks))):  # most expensive first
        for element, rows in _rows_of(b.l, Elements(None, None, ends)):
            task_rows = -(-(rows.stop - rows.start) // threads)
            for column in range(0, b.width, most):
                for row in range(rows.start, rows.stop, max(1, task_rows)):
                    arguments = [
                        8 * row,
                        dtype.itemsize * b.start,
                        dtype.itemsize * (element * strides[number][1] + column),
                        dtype.itemsize * (b.target + column),
                        min(task_rows, rows.stop - row), columns[b.source], strides[number][0], widths[b.l], b.columns,
                    ]  # fmt: skip
                    function = _function(min(most, b.width - column), SCALARS[dtype])
                    tasks.append((function, arguments, [1 + b.l, inputs + b.source, weights + number, results + b.l]))
    tensors = np.zeros((len(tasks), ARGUMENTS), dtype=np.int64)
    tensors[:, :4] = np.array([numbers for _, _, numbers in tasks]).reshape(-1, 4)
    return _Plan(
        widths=widths,
        functions=np.array([function for function, _, _ in tasks], dtype=np.int64),
        arguments=np.array([arguments for _, arguments, _ in tasks], dtype=np.int64).reshape(-1, ARGUMENTS),
        tensors=tensors,
    )


def _most_columns(dtype: torch.dtype) -> int:
    vectors = 4 if _jit.vector_bytes() == 64 else 2  # of the 32 or 16 registers
    return vectors * _jit.vector_bytes() // dtype.itemsize


@cache
def _function(width: int, scalar: str) -> int:
    return _jit.compiled((kernel(width, scalar),), ("product",))[0]


def kernel(width: int, scalar: str) -> str:
    """LLVM IR of the function `product`, which multiplies rows by a matrix of `width` columns.

    Its arguments are pointers to the row indices, the input, the matrix and the output; the number of rows; the strides
    of input, matrix and output; and the number of input columns. The last tile repeats the last row.
    """
    code = Code(width, scalar)
    pointers = [code.let(f"inttoptr i64 {code.integer('%arguments', k)} to ptr") for k in range(4)]
    row_indices, source, matrix, target = pointers
    count, source_stride, matrix_stride, target_stride, columns = (
        code.integer("%arguments", k) for k in range(4, ARGUMENTS)
    )
    last = code.let(f"sub i64 {count}, 1")
    tiles = code.let(f"udiv i64 {code.let(f'add i64 {count}, {ROWS - 1}')}, {ROWS}")

    def tile(t: str, _: list[str]) -> list[str]:
        start = code.times(t, ROWS)
        rows = []
        for k in range(ROWS):
            row = code.let(f"add i64 {start}, {k}")
            within = code.let(f"icmp slt i64 {row}, {last}")
            rows.append(code.integer(row_indices, code.let(f"select i1 {within}, i64 {row}, i64 {last}")))
        sources = [code.at(source, code.times(row, source_stride)) for row in rows]
        targets = [code.at(target, code.times(row, target_stride)) for row in rows]

        def column(c: str, sums: list[str]) -> list[str]:
            weights = code.load(code.at(matrix, code.times(c, matrix_stride)))
            return [
                code.add(code.spread(code.at(x, c)), weights, total) for x, total in zip(sources, sums, strict=True)
            ]

        for row, total in zip(targets, code.loop("0", columns, ["zeroinitializer"] * ROWS, column), strict=True):
            code.store(total, row)
        return []

    code.loop("0", tiles, [], tile)
    return code.function("product")
