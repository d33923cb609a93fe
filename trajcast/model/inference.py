"""Prepares a trained network for rollouts by precomputing everything that is the same at every step.

The last hidden values of the MLPs depend only on an edge's length, or on an atom's speed and element; cubic splines
replace the bases and MLPs. Scale factors are multiplied into the weights.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from trajcast.model.embedding import RadialNet, SpeedBasis
from trajcast.model.interaction import Interaction
from trajcast.model.linear import EquivariantLinear, PathWeights, SpeciesLinear
from trajcast.model.network import TrajCast
from trajcast.model.splines import SHORTEST, Curves, Grid, Place, Tables, controls_of

if TYPE_CHECKING:
    from jaxtyping import Float

log = logging.getLogger(__name__)

TOLERANCE = {torch.float32: 5e-6, torch.float64: 1e-10}
"""Tolerance of the RMS error of a layer's splines over all intervals, relative to its largest hidden value."""

FEWEST_INTERVALS, MOST_INTERVALS = 2**9, 2**16
FASTEST = 5.0  # Gaussian widths beyond `speed_max` to the end of the speed grid, where all Gaussians vanish


@torch.no_grad()
def prepared(model: TrajCast) -> TrajCast:
    """A copy of `model` for rollouts, without gradients; hidden values agree with those of `model` to `TOLERANCE`."""
    ready = copy.deepcopy(model).requires_grad_(False)
    ready.grid = None
    for module in ready.modules():
        if isinstance(module, EquivariantLinear | SpeciesLinear | PathWeights | RadialNet):
            module.fold()
    bessel, speed = (copy.deepcopy(part).double() for part in (ready.bessel, ready.speed))
    layers, tolerance = cast(list[Interaction], list(ready.layers)), TOLERANCE[model.dtype]
    distances = _Fit(SHORTEST, model.scales.cutoff, bessel, [cast(RadialNet, layer.radial) for layer in layers])
    grid = distances.grid(tolerance)
    ready.bessel = Places(grid)
    for layer, controls in zip(layers, distances.controls(grid), strict=True):
        layer.radial = Splines(controls)
    basis, species = cast(SpeedBasis, speed), len(model.scales.species)
    end = model.scales.speed_max + FASTEST * basis.width
    fits = [
        _Fit(0.0, end, _speed_basis_of(basis, number, species), [cast(RadialNet, layer.speed) for layer in layers])
        for number in range(species)
    ]
    grid = max((fit.grid(tolerance) for fit in fits), key=lambda candidate: candidate.intervals)
    ready.speed_grid = grid
    for layer, by_element in zip(layers, zip(*(fit.controls(grid) for fit in fits), strict=True), strict=True):
        layer.speed = Splines(torch.cat(by_element))
    return ready.to(device=model.device, dtype=model.dtype)


class Places(nn.Module):
    """Replaces the Bessel basis: locates distances on a grid."""

    def __init__(self, grid: Grid):
        super().__init__()
        self.grid = grid

    def forward(self, distance: Float[Tensor, " pairs"]) -> Place:
        return self.grid.place(distance)


class Splines(nn.Module):
    """Replaces an MLP: cubic splines of its last hidden values."""

    controls: Tensor

    def __init__(self, controls: Float[Tensor, "splines hidden"]):
        super().__init__()
        self.register_buffer("controls", controls, persistent=False)
        self.tables: Tables = {}

    def forward(self, place: Place) -> Curves:
        return Curves(self.controls, place, self.tables)


def _speed_basis_of(basis: SpeedBasis, number: int, species: int) -> Callable[[Tensor], Tensor]:
    """The speed basis for one element."""
    one_hot = nn.functional.one_hot(torch.tensor(number), species).double()
    return lambda speed: basis(speed, one_hot.to(speed.device).expand(len(speed), -1))


class _Fit:
    """Fits splines to the last hidden values of all layers as functions of a distance or speed."""

    def __init__(self, start: float, end: float, basis: Callable[[Tensor], Tensor], nets: list[RadialNet]):
        self.start, self.end, self.basis = start, end, basis
        self.nets = [copy.deepcopy(net).double() for net in nets]

    def grid(self, tolerance: float) -> Grid:
        """The coarsest grid on which all splines meet `tolerance`; if none does, the finest one and a warning."""
        number = FEWEST_INTERVALS
        while (error := self._error(number)) > tolerance and number < MOST_INTERVALS:
            number *= 2
        if error > tolerance:
            log.warning("splines of the network's MLPs have an error of %.1e, above %.0e", error, tolerance)
        return Grid(self.start, self.end, number)

    def controls(self, grid: Grid) -> list[Float[Tensor, "splines hidden"]]:
        """B-spline coefficients for each layer."""
        return [torch.as_tensor(controls_of(values)) for values in self._hidden(grid.intervals)]

    def _error(self, intervals: int) -> float:
        """RMS over all intervals of the largest midpoint error, relative to the largest value; of the worst layer."""
        exact = self._hidden(2 * intervals)
        errors = []
        for values in exact:
            c = controls_of(values[::2])
            deviation = np.abs((c[:-3] + 23 * c[1:-2] + 23 * c[2:-1] + c[3:]) / 48 - values[1::2]).max(1)
            errors.append(float(np.sqrt(np.square(deviation).mean()) / np.abs(values).max()))
        return max(errors)

    def _hidden(self, intervals: int) -> list[np.ndarray]:
        """Hidden values of each layer at the knots of a grid."""
        device = next(self.nets[0].parameters()).device
        basis = self.basis(Grid(self.start, self.end, intervals).knots.to(device))
        return [net(basis).cpu().numpy() for net in self.nets]
