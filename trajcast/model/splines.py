"""Functions of a distance or a speed as cubic splines on a grid: what is costly is computed once for the grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.linalg import solve_banded
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float, Int

SHORTEST = 0.2
"""Å, where grids of distances begin; closer atoms get the values of this distance."""

FEWEST_PAIRS = 2
"""Times the number of intervals: with fewer, functions of every pair take less time than a grid."""

TABLE_BYTES = 2**26
"""Largest table that is kept."""


Tables = dict[int, tuple[Tensor, Tensor]]
"""Tables by the identity of the weights that they are made of, which are kept with them."""


@dataclass(frozen=True)
class Place:
    """Where pairs (or atoms) lie on a grid: the cubic B-splines that are not zero there."""

    first: Int[Tensor, " pairs"]  # number of the first of four
    factors: Float[Tensor, "pairs 4"]  # their values
    _of_edges: list[Place] = field(default_factory=list)

    def of_edges(self, pair: Int[Tensor, " edges"] | None) -> Place:
        """The same for the edges of the pairs; gathered once."""
        if pair is None:
            return self
        if not self._of_edges:
            self._of_edges.append(Place(self.first.index_select(0, pair), self.factors.index_select(0, pair)))
        return self._of_edges[0]


@dataclass(frozen=True)
class Curves:
    """Some functions on a grid: `controls` are the coefficients of their B-splines."""

    controls: Float[Tensor, "splines functions"]
    place: Place
    tables: Tables | None = None  # those made before; None: nothing is kept

    def worthwhile(self, sums: int) -> bool:
        """Whether a table of so many sums saves anything over the values of every pair."""
        if self.tables is None:
            return len(self.place.first) >= FEWEST_PAIRS * len(self.controls)
        return len(self.controls) * sums * self.controls.itemsize <= TABLE_BYTES

    @property
    def values(self) -> Float[Tensor, "pairs functions"]:
        """Those of all pairs."""
        rows = self.place.first[:, None] + torch.arange(4, device=self.controls.device)
        return nn.functional.embedding_bag(rows, self.controls, per_sample_weights=self.place.factors, mode="sum")

    def table(self, weight: Float[Tensor, "functions sums"]) -> Float[Tensor, "splines sums"]:
        """The coefficients of sums of the functions. Where they are kept, `weight` must not change."""
        if self.tables is None:
            return torch.mm(self.controls, weight, out=rows_apart(len(self.controls), weight))
        known = self.tables.get(id(weight))
        if known is None or known[0] is not weight:
            table = torch.mm(self.controls, weight, out=rows_apart(len(self.controls), weight))
            known = self.tables[id(weight)] = weight, table
        return known[1]


def rows_apart(rows: int, like: Float[Tensor, "any columns"]) -> Float[Tensor, "rows columns"]:
    """Zeros, the rows an odd number of cache lines apart: the numbers of one column then fit into the cache."""
    line, columns = 64 // like.itemsize, like.shape[1]
    lines = -(-columns // line)
    return like.new_zeros(rows, line * (lines + 1 - lines % 2))[:, :columns]


class Sampled(NamedTuple):
    """Functions on a grid's knots, and the pairs for which they are wanted."""

    values: Float[Tensor, "knots functions"]
    grid: Grid
    place: Place

    def mapped(self, function: Callable[[Tensor], Tensor]) -> Curves:
        """What `function` makes of them, between the knots by splines."""
        return Curves(self.grid.controls(function(self.values)), self.place)


class Grid(nn.Module):
    """Intervals from `start` to `end`, equal in the square root, with a knot at each end.

    Radial functions are steepest where bonds are.
    """

    knots: Tensor
    beyond: Tensor

    def __init__(self, start: float, end: float, intervals: int):
        super().__init__()
        self.start, self.end, self.intervals = start, end, intervals
        self.width = (math.sqrt(end) - math.sqrt(start)) / intervals
        knots = torch.linspace(math.sqrt(start), math.sqrt(end), intervals + 1, dtype=torch.float64).square()
        self.register_buffer("knots", knots, persistent=False)
        rows = [[20, -45, 36, -10], [10, -20, 15, -4], [4, -6, 4, -1]]  # cubic polynomials 3, 2 and 1 knots before
        self.register_buffer("beyond", torch.tensor(rows, dtype=torch.float64), persistent=False)

    def is_finer_than(self, distance: Float[Tensor, " pairs"]) -> bool:
        """Whether pairs are too few for the grid to save anything."""
        return len(distance) < FEWEST_PAIRS * self.intervals

    def place(self, x: Float[Tensor, " pairs"], group: Int[Tensor, " pairs"] | None = None) -> Place:
        """Where these distances or speeds lie; those beyond the ends are taken to them.

        With `group`, on that one of several grids of this kind, one after the other.
        """
        x = (x.clamp(self.start, self.end).sqrt() - math.sqrt(self.start)) / self.width
        first = x.long().clamp(max=self.intervals - 1)
        u = x - first.to(x)
        first = first if group is None else first + (self.intervals + 3) * group
        v, uu = 1 - u, u * u
        factors = [v * v * v, uu * (3 * u - 6) + 4, v * v * (3 * v - 6) + 4, uu * u]
        return Place(first, torch.stack(factors, dim=1) / 6)

    def controls(self, values: Float[Tensor, "knots functions"]) -> Float[Tensor, "splines functions"]:
        """Coefficients of splines that are these values at the knots up to terms of sixth order in the interval.

        Interpolation takes the inverse of 1 + δ²/6 with the second difference δ²: here its series up to δ⁴, as that
        costs nothing, between values that cubic polynomials continue beyond the ends.
        """
        beyond = self.beyond.to(values)
        continued = torch.cat([beyond @ values[:4], values, beyond.flip(0, 1) @ values[-4:]])
        second = _second_difference(continued)
        return continued[2:-2] - second[1:-1] / 6 + _second_difference(second) / 36

    def sampled(self, functions: Callable[[Tensor], Tensor], distance: Float[Tensor, " pairs"]) -> Sampled:
        """Functions of the distance on the knots."""
        return Sampled(functions(self.knots.to(distance)), self, self.place(distance))


def _second_difference(values: Tensor) -> Tensor:
    return values[:-2] - 2 * values[1:-1] + values[2:]


def controls_of(values: np.ndarray) -> np.ndarray:
    """Coefficients of the cubic B-splines through `values` (knots, functions); no knot next to an end is one."""
    knots = len(values)
    right = np.zeros((knots + 2, values.shape[1]))
    right[1:-1] = 6 * values
    rows = knots + 2
    band = np.zeros((9, rows))  # four diagonals on either side

    def put(row: int, column: int, value: float) -> None:
        band[4 + row - column, column] = value

    for row in range(1, rows - 1):
        for column, value in zip(range(row - 1, row + 2), (1.0, 4.0, 1.0), strict=True):
            put(row, column, value)
    for row, start in ((0, 0), (rows - 1, rows - 5)):  # the third derivative is the same on both sides of that knot
        for k, value in enumerate((1.0, -4.0, 6.0, -4.0, 1.0)):
            put(row, start + k, value)
    return solve_banded((4, 4), band, right)
