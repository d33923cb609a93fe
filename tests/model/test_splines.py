"""Splines of the distance: those of scipy, fourth order, and the same product over neighbours as that of every pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from small_systems import network, random_state
from torch import Tensor

from trajcast.config.settings import NetworkSettings
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.model.embedding import directions
from trajcast.model.ops import llvm
from trajcast.model.paths import ProductShape
from trajcast.model.splines import SHORTEST, Curves, Grid, controls_of

CUTOFF = 5.0
SHAPES = {
    "first layer": ProductShape(((1,), (-1,)), 1, 16),
    "both parities": ProductShape(((-1, 1),) * 3, 2, 5),
    "many columns": ProductShape(((-1, 1),) * 2, 1, 40),
}


def random(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def waves(r: Tensor) -> Tensor:
    """Functions as the Bessel basis has them."""
    return torch.stack([torch.sin(k * r) / r for k in (2.0, 5.0)], dim=1)


def distances(count: int, seed: int = 2) -> Tensor:
    draw = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return SHORTEST + (CUTOFF - SHORTEST) * draw


def test_they_are_scipys() -> None:
    """Cubic splines of the square root of the distance, with the same ends; in training up to sixth order."""
    apart = []
    for intervals in (80, 160):
        grid, r = Grid(SHORTEST, CUTOFF, intervals), distances(500)
        theirs = CubicSpline(grid.knots.sqrt().numpy(), waves(grid.knots).numpy())(r.sqrt().numpy())
        exact = Curves(torch.as_tensor(controls_of(waves(grid.knots).numpy())), grid.place(r)).values
        np.testing.assert_allclose(exact.numpy(), theirs, atol=1e-12)
        nearly = grid.sampled(waves, r).mapped(lambda x: x).values
        inside = (r > 0.5) & (r < 4.5)
        apart.append((nearly - exact)[inside].abs().max())
        assert apart[-1] < 0.5 * (exact - waves(r))[inside].abs().max()
    assert apart[0] / apart[1] > 40


def test_cubic_polynomials_are_exact() -> None:
    """Of the square root, beyond which splines and what continues them have no error."""
    grid, r = Grid(SHORTEST, CUTOFF, 12), distances(200)

    def cubic(x: Tensor) -> Tensor:
        u = x.sqrt()
        return torch.stack([u**k for k in range(4)], dim=1)

    torch.testing.assert_close(grid.sampled(cubic, r).mapped(lambda x: x).values, cubic(r))


def test_half_the_interval_leaves_a_sixteenth_of_the_error() -> None:
    r = distances(2000)
    off = [
        (Grid(SHORTEST, CUTOFF, n).sampled(waves, r).mapped(lambda x: x).values - waves(r)).abs().max()
        for n in (400, 800)
    ]
    assert off[0] / off[1] > 14  # or less, where the ends have the largest error


def test_beyond_the_ends_it_stays_what_it_is_there() -> None:
    grid = Grid(SHORTEST, CUTOFF, 50)
    found = grid.sampled(waves, torch.tensor([0.0, SHORTEST, CUTOFF, 2 * CUTOFF], dtype=torch.float64))
    values = found.mapped(lambda x: x).values
    torch.testing.assert_close(values, waves(torch.tensor([SHORTEST, SHORTEST, CUTOFF, CUTOFF], dtype=torch.float64)))


@pytest.mark.parametrize("paired", [False, True], ids=["edges", "pairs"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_product_is_that_of_every_pairs_values(
    shape: ProductShape, dtype: torch.dtype, paired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results, and gradients of features, splines and weights, against the same backend with values of every pair."""
    monkeypatch.setattr("trajcast.model.splines.FEWEST_PAIRS", 0)
    state = random_state(3, length=6.0)
    near = find_neighbors(state, 4.0)
    if not paired:
        near = Neighbors(first=near.first, index=near.index, vectors=near.vectors, cutoff=near.cutoff)
    lengths = torch.linalg.vector_norm(near.vectors, dim=-1)
    of_pairs = lengths.new_zeros(near.pairs).scatter_(0, near.pair, lengths) if near.pair is not None else lengths
    grid = Grid(SHORTEST, 4.0, 30)
    place = grid.place(of_pairs.to(dtype))
    edges = llvm.edges(near, directions(near.vectors.to(dtype), shape.l_max))
    atoms = state.n_atoms
    inputs = [
        random(atoms, 2 * l + 1, shape.channels * len(p), seed=l, dtype=dtype) for l, p in enumerate(shape.parities)
    ]
    inputs += [random(grid.intervals + 3, 7, seed=7, dtype=dtype), random(7, shape.weights, seed=8, dtype=dtype)]
    for x in inputs:
        x.requires_grad_()
    *features, controls, weight = inputs
    curves = Curves(controls, place)
    products = [llvm.edge_product(shape, features, edges, hidden, weight) for hidden in (curves, curves.values)]
    with torch.no_grad():
        products.insert(0, llvm.edge_product(shape, features, edges, curves, weight))
    gradients = [
        torch.autograd.grad(sum((x * random(*x.shape, dtype=dtype)).sum() for x in found.values()), inputs)
        for found in products[1:]
    ]
    results = [list(found.values()) for found in products]
    relative = {torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
    for found in (*results[:2], gradients[0]):
        for ours, theirs in zip(found, results[2] if found is not gradients[0] else gradients[1], strict=True):
            assert (ours - theirs).abs().max() <= relative * theirs.abs().max()


def test_a_network_predicts_the_same_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """What training computes and what the model is: to 10⁻⁴ of the largest velocity."""
    monkeypatch.setattr("trajcast.model.splines.FEWEST_PAIRS", 0)
    model = network(NetworkSettings(channels=8, l_max=1, layers=2, radial_mlp=[16, 16], speed_mlp=[8])).float()
    state = random_state(3)
    near = find_neighbors(state, model.scales.cutoff)
    exact = model(state, near).velocity.detach()
    model.grid = Grid(SHORTEST, model.scales.cutoff, llvm.TRAINING_INTERVALS[torch.float32])
    found = model(state, near).velocity.detach()
    assert 0 < (found - exact).abs().max() < 1e-4 * exact.abs().max()
