"""LLVM code of the products of features of one l with harmonics, for one block of columns that fits a vector register.

One kernel runs over the edges of a range of atoms. The couplings of an edge, Σ CG · Y, are scalars that all columns
share; they multiply vectors of columns. Forward, the sums over an atom's neighbours stay in registers. Code is straight
on: one line per non-zero coefficient.
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
"""What a kernel finds in the array of 64-bit integers that it is called with; lengths count numbers, not bytes.

`columns` holds the first column of each block; `outputs` and `widths`, for each block and path, where the first number
of the path's output lies and how many columns its rows have; `rows` tells the row of weights of each edge. Backward,
the outputs are their gradients, and what an edge gives the gradients of weights and features is added to them.

Weights that are splines of the distance come from four rows: `rows` tells the first, `factors` has each edge's four.
"""


class Entry(NamedTuple):
    """A pair of components that some harmonic couples, within one path."""

    m_in: int
    m_out: int
    coupling: int | None  # its number among the couplings of this l_in; None: always 1


@cache
def entries(l_in: int, l_max: int) -> tuple[tuple[Entry, ...], ...]:
    """The entries of each path from l_in."""
    numbers = count()
    return tuple(
        # Y of l = 0 is 1, and so are the coefficients that go with it
        tuple(Entry(m, o, next(numbers) if path.l_y else None) for m, o in _pairs(path, l_max))
        for path in paths_from(l_in, l_max)
    )


def coupling_matrix(l_in: int, l_max: int) -> Float[Tensor, "harmonics couplings"]:
    """What turns the harmonics of an edge into its couplings."""
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
    """The function `name` for features of l_in in blocks of `lanes` columns; `points`: rows that make a weight."""
    code = Code(lanes, scalar)
    arguments = {argument: code.integer("%arguments", k) for k, argument in enumerate(ARGUMENTS)}
    pointers = {
        argument: code.let(f"inttoptr i64 {arguments[argument]} to ptr")
        for argument in (*ARGUMENTS[3:7], "rows", "weights", "features", *ARGUMENTS[-5:])
    }
    given = arguments | pointers
    paths = len(paths_from(l_in, l_max))

    def block(b: str, _: list[str]) -> list[str]:
        column = code.integer(given["columns"], b)
        mine = dict(given)
        for argument in ("weights", "features", "weight_gradients", "feature_gradients"):
            mine[argument] = code.at(given[argument], column)
        table = code.times(b, paths)
        outputs = [code.let(f"add i64 {table}, {p}") for p in range(paths)]
        mine |= {f"output {p}": code.integer(given["outputs"], o) for p, o in enumerate(outputs)}
        mine |= {f"output {p}": code.let(f"inttoptr i64 {mine[f'output {p}']} to ptr") for p in range(paths)}
        mine |= {f"width {p}": code.integer(given["widths"], o) for p, o in enumerate(outputs)}
        atoms = _backward if backward else _forward
        code.loop(given["first_atom"], given["last_atom"], [], lambda i, _: atoms(code, mine, l_in, l_max, points, i))
        return []

    code.loop("0", given["blocks"], [], block)
    return code.function(name)


def _output_rows(code: Code, given: dict[str, str], l_in: int, l_max: int, atom: str) -> list[list[str]]:
    """Where the output rows of each path lie for one atom."""
    found = []
    for p, path in enumerate(paths_from(l_in, l_max)):
        size, width = 2 * path.l_out + 1, given[f"width {p}"]
        start = code.at(given[f"output {p}"], code.times(code.times(atom, size), width))
        found.append(code.rows(start, size, width))
    return found


class _Edge(NamedTuple):
    """What all kernels load of an edge."""

    neighbor: str  # offset of its neighbour in the features
    row: str  # offset of its (first) row of weights
    shares: list[str]  # of the rows in its weights; none where it has one row of its own
    couplings: str  # where they lie
    features: list[str]  # the neighbour's
    weights: list[str]


def _edge(code: Code, given: dict[str, str], l_in: int, l_max: int, points: int, e: str) -> _Edge:
    neighbor = code.times(code.integer(given["index"], e), given["features_per_atom"])
    couplings = code.at(given["couplings"], code.times(e, given["couplings_per_edge"]))
    rows = code.rows(code.at(given["features"], neighbor), 2 * l_in + 1, given["features_per_row"])
    features = [code.load(row) for row in rows]
    row = code.times(code.integer(given["rows"], e), given["weights_per_row"])
    places = _weights_of(code, given, l_in, l_max, points, code.at(given["weights"], row))
    if points == 1:
        return _Edge(neighbor, row, [], couplings, features, [code.load(place) for (place,) in places])
    own = code.at(given["factors"], code.times(e, points))
    shares = [code.spread(code.at(own, k)) for k in range(points)]
    weights = []
    for rows_of_path in places:
        weight: str | None = None
        for share, place in zip(shares, rows_of_path, strict=True):
            weight = code.add(share, code.load(place), weight)
        weights.append(str(weight))
    return _Edge(neighbor, row, shares, couplings, features, weights)


def _weights_of(code: Code, given: dict[str, str], l_in: int, l_max: int, points: int, start: str) -> list[list[str]]:
    """Where an edge's weights of each path lie, in each of its rows, from the first row's `start` on."""
    paths = [code.rows(s, len(paths_from(l_in, l_max)), given["weights_per_path"]) for s in (
        code.rows(start, points, given["weights_per_row"])
    )]  # fmt: skip
    return [list(of_path) for of_path in zip(*paths, strict=True)]


def _edges_of(code: Code, given: dict[str, str], atom: str) -> tuple[str, str]:
    return code.integer(given["first"], atom), code.integer(code.at(given["first"], 1, "i64"), atom)


def _forward(code: Code, given: dict[str, str], l_in: int, l_max: int, points: int, atom: str) -> list[str]:
    """Output of one atom: for each path Σ over edges of w · Σ coupling · h."""
    rows = _output_rows(code, given, l_in, l_max, atom)

    def edge(e: str, sums: list[str]) -> list[str]:
        _, _, _, couplings, features, weights = _edge(code, given, l_in, l_max, points, e)
        result, done = list(sums), 0
        for weight, path, size in zip(weights, entries(l_in, l_max), map(len, rows), strict=True):
            if len(features) <= size or all(entry.coupling is None for entry in path):
                weighted = [code.mul(weight, h) for h in features] if path[0].coupling is not None else features
                for m, o, number in path:
                    factor = weight if number is None else code.spread(code.at(couplings, number))
                    result[done + o] = code.add(factor, weighted[m], result[done + o])
            else:
                coupled: dict[int, str] = {}
                for m, o, number in path:
                    factor = code.spread(code.at(couplings, number or 0))
                    coupled[o] = code.add(factor, features[m], coupled.get(o))
                for o, value in coupled.items():
                    result[done + o] = code.add(weight, value, result[done + o])
            done += size
        return result

    start, end = _edges_of(code, given, atom)
    flat = [row for path in rows for row in path]
    for row, value in zip(flat, code.loop(start, end, ["zeroinitializer"] * len(flat), edge), strict=True):
        code.store(value, row)
    return []


def _backward(code: Code, given: dict[str, str], l_in: int, l_max: int, points: int, atom: str) -> list[str]:
    """Gradients that one atom's output gives the weights of its edges and, added up, its neighbours' features."""
    rows = _output_rows(code, given, l_in, l_max, atom)
    slopes = [[code.load(row) for row in path] for path in rows]

    def edge(e: str, _: list[str]) -> list[str]:
        neighbor, row, shares, couplings, features, weights = _edge(code, given, l_in, l_max, points, e)
        targets = code.rows(
            code.at(given["feature_gradients"], neighbor), 2 * l_in + 1, given["features_per_row"]
        )  # fmt: skip
        gradients = [code.load(target) for target in targets]
        places = _weights_of(code, given, l_in, l_max, points, code.at(given["weight_gradients"], row))
        for weight, path, slope, rows_of_path in zip(weights, entries(l_in, l_max), slopes, places, strict=True):
            coupled: dict[int, str] = {}
            for m, o, number in path:
                if number is None:
                    coupled[m] = slope[o]
                else:
                    coupled[m] = code.add(code.spread(code.at(couplings, number)), slope[o], coupled.get(m))
            total: str | None = None if shares else code.load(rows_of_path[0])
            for m, value in coupled.items():
                total = code.add(features[m], value, total)
                gradients[m] = code.add(weight, value, gradients[m])
            for share, place in zip(shares, rows_of_path, strict=False):
                code.store(code.add(share, str(total), code.load(place)), place)
            if not shares:
                code.store(str(total), rows_of_path[0])
        for value, place in zip(gradients, targets, strict=True):
            code.store(value, place)
        return []

    start, end = _edges_of(code, given, atom)
    code.loop(start, end, [], edge)
    return []
