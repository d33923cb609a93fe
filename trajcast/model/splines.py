"""Cubic splines of functions of a distance or speed: expensive functions are evaluated once, on a grid."""

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
"""Å, start of distance grids; shorter distances take the values at this distance."""

FEWEST_PAIRS = 2
"""Least number of pairs per interval; with fewer, evaluating the functions at every pair is faster than a grid."""

TABLE_BYTES = 2**26
"""Size limit of a table that is cached."""

Tables = dict[int, tuple[Tensor, Tensor]]
"""Cached weights and their tables, by the identity of the weights."""


@dataclass(frozen=True)
class Place:
    """Positions of pairs (or atoms) on a grid, as the four cubic B-splines that are non-zero there."""

    first: Int[Tensor, " pairs"]  # index of the first of the four
    factors: Float[Tensor, "pairs 4"]  # their values
    _of_edges: list[Place] = field(default_factory=list)

    def of_edges(self, pair: Int[Tensor, " edges"] | None) -> Place:
        """The same for the edges of the pairs; gathered once, then cached."""
        if pair is None:
            return self
        if not self._of_edges:
            self._of_edges.append(Place(self.first.index_select(0, pair), self.factors.index_select(0, pair)))
        return self._of_edges[0]


@dataclass(frozen=True)
class Curves:
    """Functions as splines, evaluated at `place`; `controls` are their B-spline coefficients."""

    controls: Float[Tensor, "splines functions"]
    place: Place
    tables: Tables | None = None  # cache of tables; None disables caching

    def worthwhile(self, sums: int) -> bool:
        """True if a table of `sums` linear combinations is cheaper than values at every pair."""
        if self.tables is None:
            return len(self.place.first) >= FEWEST_PAIRS * len(self.controls)
        return len(self.controls) * sums * self.controls.itemsize <= TABLE_BYTES

    @property
    def values(self) -> Float[Tensor, "pairs functions"]:
        """Values at all pairs."""
        rows = self.place.first[:, None] + torch.arange(4, device=self.controls.device)
        return nn.functional.embedding_bag(rows, self.controls, per_sample_weights=self.place.factors, mode="sum")

    def table(self, weight: Float[Tensor, "functions sums"]) -> Float[Tensor, "splines sums"]:
        """B-spline coefficients of linear combinations of the functions; with a cache, `weight` must not change."""
        if self.tables is None:
            return torch.mm(self.controls, weight, out=padded_zeros(len(self.controls), weight))
        cached = self.tables.get(id(weight))
        if cached is None or cached[0] is not weight:
            table = torch.mm(self.controls, weight, out=padded_zeros(len(self.controls), weight))
            cached = self.tables[id(weight)] = weight, table
        return cached[1]


def padded_zeros(rows: int, like: Float[Tensor, "any columns"]) -> Float[Tensor, "rows columns"]:
    """Zeros whose row stride is an odd number of cache lines, so that one column does not map to few cache sets."""
    line, columns = 64 // like.itemsize, like.shape[1]
    lines = -(-columns // line)
    return like.new_zeros(rows, line * (lines + 1 - lines % 2))[:, :columns]


class Sampled(NamedTuple):
    """Values of functions at the knots of a grid, and the positions at which they are needed."""

    values: Float[Tensor, "knots functions"]
    grid: Grid
    place: Place

    def mapped(self, function: Callable[[Tensor], Tensor]) -> Curves:
        """Apply `function` at the knots and interpolate the result by splines."""
        return Curves(self.grid.controls(function(self.values)), self.place)


class Grid(nn.Module):
    """Grid from `start` to `end`, uniform in the square root of the coordinate.

    The finer spacing at short distances resolves bonds, where radial functions are steepest.
    """

    knots: Tensor
    beyond: Tensor

    def __init__(self, start: float, end: float, intervals: int):
        super().__init__()
        self.start, self.end, self.intervals = start, end, intervals
        self.width = (math.sqrt(end) - math.sqrt(start)) / intervals
        knots = torch.linspace(math.sqrt(start), math.sqrt(end), intervals + 1, dtype=torch.float64).square()
        self.register_buffer("knots", knots, persistent=False)
        rows = [[20, -45, 36, -10], [10, -20, 15, -4], [4, -6, 4, -1]]  # extrapolates cubically by 3, 2 and 1 knots
        self.register_buffer("beyond", torch.tensor(rows, dtype=torch.float64), persistent=False)

    def is_finer_than(self, distance: Float[Tensor, " pairs"]) -> bool:
        """True if there are too few pairs for the grid to save time."""
        return len(distance) < FEWEST_PAIRS * self.intervals

    def place(self, x: Float[Tensor, " pairs"], group: Int[Tensor, " pairs"] | None = None) -> Place:
        """Locate distances or speeds on the grid; values beyond its ends are clamped.

        Args:
            group: Index of the grid for each value if `controls` holds several grids one after the other.
        """
        x = (x.clamp(self.start, self.end).sqrt() - math.sqrt(self.start)) / self.width
        first = x.long().clamp(max=self.intervals - 1)
        u = x - first.to(x)
        first = first if group is None else first + (self.intervals + 3) * group
        v, uu = 1 - u, u * u
        factors = [v * v * v, uu * (3 * u - 6) + 4, v * v * (3 * v - 6) + 4, uu * u]
        return Place(first, torch.stack(factors, dim=1) / 6)

    def controls(self, values: Float[Tensor, "knots functions"]) -> Float[Tensor, "splines functions"]:
        """B-spline coefficients that reproduce the values at the knots up to sixth order in the interval.

        Exact interpolation applies the inverse of 1 + δ²/6, with the second difference δ². This takes its series up to
        δ⁴, which needs no linear solve; cubic polynomials extrapolate the values beyond the ends.
        """
        beyond = self.beyond.to(values)
        extended = torch.cat([beyond @ values[:4], values, beyond.flip(0, 1) @ values[-4:]])
        second = _second_difference(extended)
        return extended[2:-2] - second[1:-1] / 6 + _second_difference(second) / 36

    def sampled(self, functions: Callable[[Tensor], Tensor], distance: Float[Tensor, " pairs"]) -> Sampled:
        """Evaluate functions of the distance at the knots."""
        return Sampled(functions(self.knots.to(distance)), self, self.place(distance))


def _second_difference(values: Tensor) -> Tensor:
    return values[:-2] - 2 * values[1:-1] + values[2:]


def controls_of(values: np.ndarray) -> np.ndarray:
    """Coefficients of the cubic B-splines through `values` (knots, functions), with not-a-knot end conditions."""
    knots = len(values)
    rhs = np.zeros((knots + 2, values.shape[1]))
    rhs[1:-1] = 6 * values
    rows = knots + 2
    band = np.zeros((9, rows))  # four diagonals on each side

    def put(row: int, column: int, value: float) -> None:
        band[4 + row - column, column] = value

    for row in range(1, rows - 1):
        for column, value in zip(range(row - 1, row + 2), (1.0, 4.0, 1.0), strict=True):
            put(row, column, value)
    for row, start in ((0, 0), (rows - 1, rows - 5)):  # not-a-knot: continuous third derivative
        for k, value in enumerate((1.0, -4.0, 6.0, -4.0, 1.0)):
            put(row, start + k, value)
    return solve_banded((4, 4), band, rhs)
