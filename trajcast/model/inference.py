"""A trained network made ready for roll-outs: nothing that is the same at every step is computed again.

The last hidden values of the radial MLPs depend on an edge's length alone: cubic splines of it take the place of the
Bessel functions and of all layers before. Scale factors are multiplied into the weights.
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor, nn

from trajcast.model.embedding import BesselBasis, RadialNet
from trajcast.model.interaction import Interaction
from trajcast.model.linear import EquivariantLinear, PathWeights, SpeciesLinear
from trajcast.model.network import TrajCast

if TYPE_CHECKING:
    from jaxtyping import Float, Int

log = logging.getLogger(__name__)

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-10}
"""Largest error of a hidden value of a layer, in units of the layer's largest."""

SHORTEST = 0.2
"""Å, where the splines begin; closer atoms get the weights of this distance."""

FEWEST_INTERVALS, MOST_INTERVALS = 2**9, 2**16


@torch.no_grad()
def prepared(model: TrajCast) -> TrajCast:
    """A copy of `model` for roll-outs: the same predictions, to `TOLERANCE` of the hidden values, and no gradients."""
    ready = copy.deepcopy(model).requires_grad_(False)
    for module in ready.modules():
        if isinstance(module, EquivariantLinear | SpeciesLinear | PathWeights | RadialNet):
            module.fold()
    bessel = cast(BesselBasis, copy.deepcopy(ready.bessel).double())
    layers = cast(list[Interaction], list(ready.layers))
    curves = [_Curve(bessel, cast(RadialNet, layer.radial)) for layer in layers]
    number = FEWEST_INTERVALS
    while number < MOST_INTERVALS and any(curve.spline_error(number) > TOLERANCE[model.dtype] for curve in curves):
        number *= 2
    error = max(curve.spline_error(number) for curve in curves)
    if error > TOLERANCE[model.dtype]:
        log.warning("splines of the radial functions are off by %.1e, more than %.0e", error, TOLERANCE[model.dtype])
    ready.bessel = Intervals(SHORTEST, bessel.cutoff, number).to(model.device)
    for layer, curve in zip(layers, curves, strict=True):
        layer.radial = Splines(curve.splines(number)).to(device=model.device, dtype=model.dtype)
    return ready


class Position(NamedTuple):
    """Where a distance lies on a grid."""

    rows: Int[Tensor, "edges 4"]  # of the interval's coefficients, the cubic one first
    powers: Float[Tensor, "edges 4"]  # of the way (Å) from the interval's beginning


class Intervals(nn.Module):
    """Takes the place of the Bessel functions: a grid of equal intervals up to the cutoff."""

    order: Tensor

    def __init__(self, start: float, cutoff: float, number: int):
        super().__init__()
        self.start, self.cutoff, self.number = start, cutoff, number
        self.width = (cutoff - start) / number
        self.register_buffer("order", torch.arange(4), persistent=False)

    def forward(self, distance: Float[Tensor, " edges"]) -> Position:
        x = distance.clamp(self.start, self.cutoff) - self.start
        interval = (x / self.width).long().clamp(max=self.number - 1)
        way = (x - self.width * interval.to(x))[:, None]
        return Position(4 * interval[:, None] + self.order, way ** (3 - self.order))


class Splines(nn.Module):
    """Takes the place of a radial MLP: cubic splines of its last values."""

    coefficients: Tensor

    def __init__(self, coefficients: Float[Tensor, "intervals 4 hidden"]):
        super().__init__()
        self.register_buffer("coefficients", coefficients.flatten(0, 1), persistent=False)

    def forward(self, position: Position) -> Float[Tensor, "edges hidden"]:
        return nn.functional.embedding_bag(
            position.rows, self.coefficients, per_sample_weights=position.powers, mode="sum"
        )


class _Curve:
    """The hidden values of one layer as a function of the distance."""

    def __init__(self, bessel: BesselBasis, radial: RadialNet):
        self.bessel, self.radial = bessel, copy.deepcopy(radial).double()

    def splines(self, intervals: int) -> Float[Tensor, "intervals 4 hidden"]:
        """Coefficients on equal intervals, the cubic one first."""
        knots = np.linspace(SHORTEST, self.bessel.cutoff, intervals + 1)
        found = CubicSpline(knots, self._hidden(intervals + 1).cpu().numpy()).c
        return torch.as_tensor(found).permute(1, 0, 2).contiguous()

    def spline_error(self, intervals: int) -> float:
        """The largest error in the middle of an interval, in units of the largest value."""
        half = (self.bessel.cutoff - SHORTEST) / intervals / 2
        powers = half ** torch.arange(3, -1, -1, dtype=torch.float64)
        found = (self.splines(intervals) * powers[:, None]).sum(1)
        exact = self._hidden(2 * intervals + 1)[1::2].cpu()
        return float((found - exact).abs().max() / exact.abs().max())

    def _hidden(self, points: int) -> Float[Tensor, "points hidden"]:
        """The values on an even grid up to the cutoff."""
        distances = torch.linspace(SHORTEST, self.bessel.cutoff, points, dtype=torch.float64)
        return self.radial(self.bessel(distances.to(self.bessel.roots.device)))
