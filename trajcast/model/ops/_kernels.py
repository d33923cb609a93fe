"""LLVM kernels of the product of features of one l with harmonics, in blocks of columns that fill a vector register.

A kernel runs over the edges of a range of atoms. The couplings of an edge, Σ CG · Y, are scalars shared by all columns;
they multiply vectors of columns. In the forward pass, sums over an atom's neighbours stay in registers. The code is
fully unrolled: one line per non-zero coefficient.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import torch

from trajcast.model.ops._code import Code
from trajcast.model.ops._couplings import couplings
from trajcast.model.paths import Path, paths_from

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

ARGUMENTS = (
    "first_atom", "last_atom", "blocks", "columns", "first", "index",
    "couplings", "couplings_per_edge", "rows", "weights", "weights_per_row", "weights_per_path",
    "features", "features_per_atom", "features_per_row", "outputs", "widths",
    "weight_gradients", "feature_gradients", "factors",
)  # fmt: skip
"""Entries of a kernel's argument array of 64-bit integers; lengths count numbers, not bytes.

`columns` holds the first column of each block. `outputs` and `widths` hold, for each block and path, the address of the
path's output and the number of columns in its rows. `rows` holds the row of weights of each edge. In the backward pass,
`outputs` are the gradients of the outputs, and gradients of weights and features are accumulated.

Weights that are splines of the distance combine four rows: `rows` holds the first, `factors` their four factors for
each edge.
"""


class Entry(NamedTuple):
    """A pair of components coupled by at least one harmonic, within one path."""

    m_in: int
    m_out: int
    coupling: int | None  # index among the couplings of this l_in; None if always 1


@cache
def entries(l_in: int, l_max: int) -> tuple[tuple[Entry, ...], ...]:
    """The entries of each path from `l_in`."""
    numbers = count()
    return tuple(
        # for l_y = 0, the harmonic and its coefficients are 1
        tuple(Entry(m, o, next(numbers) if path.l_y else None) for m, o in _pairs(path, l_max))
        for path in paths_from(l_in, l_max)
    )


def coupling_matrix(l_in: int, l_max: int) -> Float[Tensor, "harmonics couplings"]:
    """Matrix that maps the harmonics of an edge to its couplings."""
    columns = []
    for path in paths_from(l_in, l_max):
        for m, o in _pairs(path, l_max) if path.l_y else ():
            column = torch.zeros((l_max + 1) ** 2, dtype=torch.float64)
            for c in couplings(path, l_max):
                if (c.m_in, c.m_out) == (m, o):
                    column[c.harmonic] = c.value
            columns.append(column)
    return torch.stack(columns, dim=1)


def _pairs(path: Path, l_max: int) -> list[tuple[int, int]]:
    return sorted({(c.m_in, c.m_out) for c in couplings(path, l_max)})


def kernel(name: str, l_in: int, l_max: int, lanes: int, scalar: str, points: int, *, backward: bool) -> str:
    """LLVM IR of the function `name` for features of `l_in`.

    Args:
        lanes: Columns per block.
        scalar: LLVM type, `float` or `double`.
        points: Rows combined into one weight: 1, or 4 for splines.
    """
    code = Code(lanes, scalar)
    arguments = {argument: code.integer("%arguments", k) for k, argument in enumerate(ARGUMENTS)}
    pointers = {
        argument: code.let(f"inttoptr i64 {arguments[argument]} to ptr")
        for argument in (*ARGUMENTS[3:7], "rows", "weights", "features", *ARGUMENTS[-5:])
    }
    args = arguments | pointers
    paths = len(paths_from(l_in, l_max))

    def block(b: str, _: list[str]) -> list[str]:
        column = code.integer(args["columns"], b)
        block_args = dict(args)
        for argument in ("weights", "features", "weight_gradients", "feature_gradients"):
            block_args[argument] = code.at(args[argument], column)
        table = code.times(b, paths)
        outputs = [code.let(f"add i64 {table}, {p}") for p in range(paths)]
        block_args |= {f"output {p}": code.integer(args["outputs"], o) for p, o in enumerate(outputs)}
        block_args |= {
            f"output {p}": code.let(f"inttoptr i64 {block_args[f'output {p}']} to ptr") for p in range(paths)
        }
        block_args |= {f"width {p}": code.integer(args["widths"], o) for p, o in enumerate(outputs)}
        one_atom = _backward if backward else _forward

        def atom(i: str, _: list[str]) -> list[str]:
            return one_atom(code, block_args, l_in, l_max, points, i)

        code.loop(args["first_atom"], args["last_atom"], [], atom)
        return []

    code.loop("0", args["blocks"], [], block)
    return code.function(name)


def _output_rows(code: Code, args: dict[str, str], l_in: int, l_max: int, atom: str) -> list[list[str]]:
    """Pointers to the output rows of each path for one atom."""
    rows = []
    for p, path in enumerate(paths_from(l_in, l_max)):
        size, width = 2 * path.l_out + 1, args[f"width {p}"]
        start = code.at(args[f"output {p}"], code.times(code.times(atom, size), width))
        rows.append(code.rows(start, size, width))
    return rows


class _Edge(NamedTuple):
    """Values of an edge that both kernels load."""

    neighbor: str  # offset of the neighbour's features
    row: str  # offset of the (first) row of weights
    factors: list[str]  # of the rows in the weights; empty for a single row
    couplings: str  # pointer
    features: list[str]  # of the neighbour
    weights: list[str]  # one per path


def _edge(code: Code, args: dict[str, str], l_in: int, l_max: int, points: int, e: str) -> _Edge:
    neighbor = code.times(code.integer(args["index"], e), args["features_per_atom"])
    couplings = code.at(args["couplings"], code.times(e, args["couplings_per_edge"]))
    rows = code.rows(code.at(args["features"], neighbor), 2 * l_in + 1, args["features_per_row"])
    features = [code.load(row) for row in rows]
    row = code.times(code.integer(args["rows"], e), args["weights_per_row"])
    pointers = _weight_pointers(code, args, l_in, l_max, points, code.at(args["weights"], row))
    if points == 1:
        return _Edge(neighbor, row, [], couplings, features, [code.load(pointer) for (pointer,) in pointers])
    edge_factors = code.at(args["factors"], code.times(e, points))
    factors = [code.spread(code.at(edge_factors, k)) for k in range(points)]
    weights = []
    for path_pointers in pointers:
        weight: str | None = None
        for factor, pointer in zip(factors, path_pointers, strict=True):
            weight = code.add(factor, code.load(pointer), weight)
        weights.append(str(weight))
    return _Edge(neighbor, row, factors, couplings, features, weights)


def _weight_pointers(
    code: Code, args: dict[str, str], l_in: int, l_max: int, points: int, start: str
) -> list[list[str]]:
    """For each path, pointers to an edge's weights in each of its rows; the first row begins at `start`."""
    paths = len(paths_from(l_in, l_max))
    rows = [code.rows(s, paths, args["weights_per_path"]) for s in code.rows(start, points, args["weights_per_row"])]
    return [list(path_pointers) for path_pointers in zip(*rows, strict=True)]


def _edges_of(code: Code, args: dict[str, str], atom: str) -> tuple[str, str]:
    return code.integer(args["first"], atom), code.integer(code.at(args["first"], 1, "i64"), atom)


def _forward(code: Code, args: dict[str, str], l_in: int, l_max: int, points: int, atom: str) -> list[str]:
    """Output of one atom: for each path, Σ over edges of w · Σ coupling · h."""
    rows = _output_rows(code, args, l_in, l_max, atom)

    def edge(e: str, sums: list[str]) -> list[str]:
        _, _, _, couplings, features, weights = _edge(code, args, l_in, l_max, points, e)
        result, begin = list(sums), 0
        for weight, path, size in zip(weights, entries(l_in, l_max), map(len, rows), strict=True):
            if len(features) <= size or all(entry.coupling is None for entry in path):
                weighted = [code.mul(weight, h) for h in features] if path[0].coupling is not None else features
                for m, o, number in path:
                    factor = weight if number is None else code.spread(code.at(couplings, number))
                    result[begin + o] = code.add(factor, weighted[m], result[begin + o])
            else:
                coupled: dict[int, str] = {}
                for m, o, number in path:
                    factor = code.spread(code.at(couplings, number or 0))
                    coupled[o] = code.add(factor, features[m], coupled.get(o))
                for o, value in coupled.items():
                    result[begin + o] = code.add(weight, value, result[begin + o])
            begin += size
        return result

    start, end = _edges_of(code, args, atom)
    flat = [row for path in rows for row in path]
    for row, value in zip(flat, code.loop(start, end, ["zeroinitializer"] * len(flat), edge), strict=True):
        code.store(value, row)
    return []


def _backward(code: Code, args: dict[str, str], l_in: int, l_max: int, points: int, atom: str) -> list[str]:
    """Add one atom's contributions to the gradients of its edges' weights and of its neighbours' features."""
    rows = _output_rows(code, args, l_in, l_max, atom)
    grads = [[code.load(row) for row in path] for path in rows]

    def edge(e: str, _: list[str]) -> list[str]:
        neighbor, row, factors, couplings, features, weights = _edge(code, args, l_in, l_max, points, e)
        feature_gradients = code.at(args["feature_gradients"], neighbor)
        targets = code.rows(feature_gradients, 2 * l_in + 1, args["features_per_row"])
        gradients = [code.load(target) for target in targets]
        pointers = _weight_pointers(code, args, l_in, l_max, points, code.at(args["weight_gradients"], row))
        for weight, path, grad, path_pointers in zip(weights, entries(l_in, l_max), grads, pointers, strict=True):
            coupled: dict[int, str] = {}
            for m, o, number in path:
                if number is None:
                    coupled[m] = grad[o]
                else:
                    coupled[m] = code.add(code.spread(code.at(couplings, number)), grad[o], coupled.get(m))
            total: str | None = None if factors else code.load(path_pointers[0])
            for m, value in coupled.items():
                total = code.add(features[m], value, total)
                gradients[m] = code.add(weight, value, gradients[m])
            for factor, pointer in zip(factors, path_pointers, strict=False):
                code.store(code.add(factor, str(total), code.load(pointer)), pointer)
            if not factors:
                code.store(str(total), path_pointers[0])
        for value, target in zip(gradients, targets, strict=True):
            code.store(value, target)
        return []

    start, end = _edges_of(code, args, atom)
    code.loop(start, end, [], edge)
    return []
