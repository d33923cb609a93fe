"""A trained network made ready for roll-outs: nothing that is the same at every step is computed again.

The last hidden values of the radial MLPs depend on an edge's length alone: cubic splines of it take the place of the
Bessel functions and of all layers before. Scale factors are multiplied into the weights.
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from trajcast.model.embedding import BesselBasis, RadialNet
from trajcast.model.interaction import Interaction
from trajcast.model.linear import EquivariantLinear, PathWeights, SpeciesLinear
from trajcast.model.network import TrajCast
from trajcast.model.splines import Curves, Grid, Place, controls_of

if TYPE_CHECKING:
    from jaxtyping import Float

log = logging.getLogger(__name__)

TOLERANCE = {torch.float32: 5e-6, torch.float64: 1e-10}
"""RMS error of the hidden values of a layer over all distances of a grid, in units of the layer's largest value."""

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
    ready.bessel = Places(Grid(bessel.cutoff, number)).to(model.device)
    for layer, curve in zip(layers, curves, strict=True):
        layer.radial = Splines(curve.splines(number)).to(device=model.device, dtype=model.dtype)
    return ready


class Places(nn.Module):
    """Takes the place of the Bessel functions: where distances lie on a grid."""

    def __init__(self, grid: Grid):
        super().__init__()
        self.grid = grid

    def forward(self, distance: Float[Tensor, " pairs"]) -> Place:
        return self.grid.place(distance)


class Splines(nn.Module):
    """Takes the place of a radial MLP: cubic splines of its last values."""

    controls: Tensor

    def __init__(self, controls: Float[Tensor, "splines hidden"]):
        super().__init__()
        self.register_buffer("controls", controls, persistent=False)
        self.tables: dict[int, Tensor] = {}

    def forward(self, place: Place) -> Curves:
        return Curves(self.controls, place, self.tables)


class _Curve:
    """The hidden values of one layer as a function of the distance."""

    def __init__(self, bessel: BesselBasis, radial: RadialNet):
        self.bessel, self.radial = bessel, copy.deepcopy(radial).double()

    def splines(self, intervals: int) -> Float[Tensor, "splines hidden"]:
        """Coefficients of the B-splines on a grid."""
        return torch.as_tensor(controls_of(self._hidden(intervals).cpu().numpy()))

    def spline_error(self, intervals: int) -> float:
        """RMS over all intervals of the largest error in their middle, in units of the largest value."""
        c = self.splines(intervals)
        found = (c[:-3] + 23 * c[1:-2] + 23 * c[2:-1] + c[3:]) / 48
        exact = self._hidden(2 * intervals)[1::2].cpu()
        return float((found - exact).abs().amax(1).square().mean().sqrt() / exact.abs().max())

    def _hidden(self, intervals: int) -> Float[Tensor, "knots hidden"]:
        """The values at the knots of a grid."""
        return self.radial(self.bessel(Grid(self.bessel.cutoff, intervals).knots.to(self.bessel.roots.device)))
