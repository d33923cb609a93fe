"""Input features of the network: radial and speed bases, spherical harmonics, and the MLPs that act on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from e3nn.math import normalize2mom
from e3nn.o3 import SphericalHarmonics
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float


class BesselBasis(nn.Module):
    """Bessel functions of the distance with trainable roots, times a polynomial cutoff function.

    Gasteiger, Groß & Günnemann 2020, arXiv:2003.03123.

    Args:
        cutoff: Å.
        power: Exponent p of `polynomial_cutoff`.
    """

    def __init__(self, size: int, cutoff: float, power: int):
        super().__init__()
        self.roots = nn.Parameter(math.pi * torch.arange(1, size + 1, dtype=torch.float64))
        self.cutoff = cutoff
        self.power = power

    def forward(self, distance: Float[Tensor, "*edges"]) -> Float[Tensor, "*edges size"]:
        r = distance[..., None]
        waves = (2 / self.cutoff) * torch.sin(self.roots * r / self.cutoff) / (r + 1e-5)  # 1e-5 Å avoids 0/0
        return waves * polynomial_cutoff(r / self.cutoff, self.power)


def polynomial_cutoff(x: Tensor, power: int) -> Tensor:
    """Polynomial that falls from 1 at x = 0 to 0 at x = 1 and beyond; twice continuously differentiable."""
    p = float(power)
    smooth = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    return torch.where(x < 1, smooth, torch.zeros_like(x))


class SpeedBasis(nn.Module):
    """Gaussians of the speed, mixed by element-specific weights.

    Args:
        speed_max: Å/fs; the Gaussians cover speeds from 0 to this value.
    """

    def __init__(self, size: int, n_species: int, speed_max: float, rng: torch.Generator):
        super().__init__()
        self.size = size
        self.width = speed_max / (size + 1)
        self.weight = nn.Parameter(torch.randn(size, n_species, size, generator=rng, dtype=torch.float64))

    def forward(
        self, speed: Float[Tensor, " atoms"], one_hot: Float[Tensor, "atoms species"]
    ) -> Float[Tensor, "atoms size"]:
        centers = self.width * torch.arange(1, self.size + 1, dtype=speed.dtype, device=speed.device)
        # normalised as e3nn's soft_one_hot_linspace: times sqrt(size), the mean square over the Gaussians is about 1
        gauss = torch.exp(-(((speed[:, None] - centers) / self.width) ** 2)) * (math.sqrt(self.size) / 1.12)
        scale = 1 / math.sqrt(self.size * one_hot.shape[1])
        by_element = (one_hot * scale) @ self.weight.movedim(1, 0).flatten(1)
        return (gauss[:, :, None] * by_element.view(-1, *self.weight.shape[::2])).sum(1)


def directions(vectors: Float[Tensor, "*batch 3"], l_max: int) -> Float[Tensor, "*batch harmonics"]:
    """Real spherical harmonics of the normalised vectors for l = 0 … l_max; component normalisation, e3nn's order."""
    return _harmonics(l_max)(vectors)


@cache
def _harmonics(l_max: int) -> SphericalHarmonics:
    return SphericalHarmonics(list(range(l_max + 1)), normalize=True, normalization="component")


SILU = float(normalize2mom(nn.functional.silu).cst)
"""e3nn's normalisation: for x ~ N(0, 1), SILU · silu(x) has a second moment of 1."""

TANH = float(normalize2mom(torch.tanh).cst)
"""The same for tanh."""


class RadialNet(nn.Module):
    """Hidden layers of the MLP that computes path weights; without biases, so that zero maps to zero.

    The linear output layer of that MLP is `PathWeights`, which also normalises the last activations.
    """

    def __init__(self, widths: Sequence[int], rng: torch.Generator):
        super().__init__()
        self.weights = nn.ParameterList(
            torch.randn(a, b, generator=rng, dtype=torch.float64) for a, b in pairwise(widths)
        )
        self.scales = [(SILU if k else 1.0) / math.sqrt(width) for k, width in enumerate(widths[:-1])]

    def forward(self, x: Float[Tensor, "*batch basis"]) -> Float[Tensor, "*batch hidden"]:
        for layer in range(len(self.weights)):
            x = nn.functional.silu(self.entering(x, layer))
        return x

    def entering(self, x: Float[Tensor, "*batch width"], layer: int) -> Tensor:
        """Input of the activation of `layer`."""
        return x @ scaled(self.weights[layer], self.scales[layer])

    def fold(self) -> None:
        """Multiply the scales into the weights."""
        for layer, weight in enumerate(self.weights):
            weight.mul_(self.scales[layer])
            self.scales[layer] = 1.0


def scaled(weight: Tensor, scale: float) -> Tensor:
    """scale × weight."""
    return weight if scale == 1 else weight * scale
