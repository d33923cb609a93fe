"""Products, linear maps and gates against e3nn's own modules, outputs and gradients, float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from e3nn import o3
from e3nn.nn import FullyConnectedNet
from torch import Tensor

from trajcast.model.embedding import RadialNet, directions
from trajcast.model.linear import collect_paths, split_parities
from trajcast.model.paths import Parities, Path, paths_from
from trajcast.model.tensor_product import PathWeights, edge_product, node_product

CHANNELS, HIDDEN = 3, 5
CASES: dict[str, tuple[Parities, int]] = {
    "first layer": (((1,), (-1,), (1,)), 2),
    "both parities": (((-1, 1),) * 3, 2),
    "l up to 1": (((-1, 1),) * 2, 1),
    "l up to 3": (((-1, 1),) * 4, 3),
}


@contextmanager
def double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def irreps(parities: Parities) -> o3.Irreps:
    return o3.Irreps([(CHANNELS, (l, p)) for l, present in enumerate(parities) for p in present])


def to_e3nn(features: list[Tensor], parities: Parities) -> Tensor:
    """Features as e3nn orders them: irrep by irrep, channels before components."""
    return torch.cat([x.mT.flatten(1) for x in split_parities(features, parities).values()], dim=1)


def e3nn_product(parities: Parities, l_max: int) -> tuple[o3.TensorProduct, list[tuple[Path, int]]]:
    """e3nn's product with one instruction per path and parity, and which path and parity each output is."""
    left, right = irreps(parities), o3.Irreps.spherical_harmonics(l_max)
    index = {(ir.l, ir.p): i for i, (_, ir) in enumerate(left)}
    paths = [path for l, present in enumerate(parities) if present for path in paths_from(l, l_max)]
    labels = [(path, p) for path in paths for p in parities[path.l_in]]
    out = o3.Irreps([(CHANNELS, (path.l_out, p * (-1) ** path.l_y)) for path, p in labels])
    instructions = [
        (index[path.l_in, p], path.l_y, i, "uvu", True, 2 * path.l_out + 1.0) for i, (path, p) in enumerate(labels)
    ]
    with double_precision():  # e3nn keeps its coefficients in the default dtype
        product = o3.TensorProduct(
            left, right, out, instructions, shared_weights=False, internal_weights=False,
            irrep_normalization="none", path_normalization="none",
        )  # fmt: skip
    return product, labels


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ours_as_e3nn(products: dict[Path, Tensor], parities: Parities, labels: list[tuple[Path, int]]) -> Tensor:
    parts = []
    for path, p in labels:
        present = parities[path.l_in]
        parts.append(products[path].chunk(len(present), dim=-1)[present.index(p)].mT.flatten(1))
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize(("parities", "l_max"), CASES.values(), ids=CASES.keys())
def test_edge_product(parities: Parities, l_max: int) -> None:
    atoms, slots = 6, 4
    weights = PathWeights(parities, l_max, CHANNELS, HIDDEN, torch.Generator().manual_seed(1))
    features = [draw(atoms, 2 * l + 1, CHANNELS * len(p), seed=l).requires_grad_() for l, p in enumerate(parities)]
    hidden = draw(atoms, slots, HIDDEN, seed=10).requires_grad_()
    index = torch.randint(0, atoms, (atoms, slots), generator=torch.Generator().manual_seed(4))
    harmonics = directions(draw(atoms, slots, 3, seed=11), l_max)
    product, labels = e3nn_product(parities, l_max)

    ours = ours_as_e3nn(edge_product(features, index, hidden, harmonics, weights()), parities, labels)
    per_edge = hidden.flatten(0, 1) @ (weights.weight / HIDDEN**0.5)
    messages = product(to_e3nn(features, parities)[index.flatten()], harmonics.flatten(0, 1), per_edge)
    theirs = torch.zeros(atoms, messages.shape[1], dtype=torch.float64)
    theirs = theirs.index_add(0, torch.arange(atoms).repeat_interleave(slots), messages)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)

    inputs = [*(f for f in features if f.numel()), hidden, weights.weight]
    seed = draw(*ours.shape, seed=12)
    for a, b in zip(torch.autograd.grad(ours, inputs, seed), torch.autograd.grad(theirs, inputs, seed), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("parities", "l_max"), CASES.values(), ids=CASES.keys())
def test_node_product(parities: Parities, l_max: int) -> None:
    atoms = 6
    weights = PathWeights(parities, l_max, CHANNELS, HIDDEN, torch.Generator().manual_seed(1))
    features = [draw(atoms, 2 * l + 1, CHANNELS * len(p), seed=l) for l, p in enumerate(parities)]
    hidden, harmonics = draw(atoms, HIDDEN, seed=10), directions(draw(atoms, 3, seed=11), l_max)
    product, labels = e3nn_product(parities, l_max)
    ours = ours_as_e3nn(node_product(features, hidden, harmonics, weights()), parities, labels)
    theirs = product(to_e3nn(features, parities), harmonics, hidden @ (weights.weight / HIDDEN**0.5))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_collected_paths_have_the_parity_of_their_product() -> None:
    parities: Parities = ((1,), (-1,))
    weights = PathWeights(parities, 1, CHANNELS, HIDDEN, torch.Generator().manual_seed(1))
    features = [draw(2, 2 * l + 1, CHANNELS, seed=l) for l in range(2)]
    harmonics = directions(draw(2, 3, seed=3), 1)
    collected = collect_paths(node_product(features, draw(2, HIDDEN, seed=4), harmonics, weights()), parities)
    assert {irrep: x.shape[-1] // CHANNELS for irrep, x in collected.items()} == {(0, 1): 2, (1, -1): 2, (1, 1): 1}


def test_radial_net_is_e3nns_fully_connected_net_without_its_last_layer() -> None:
    ours = RadialNet([8, 7, 6], torch.Generator().manual_seed(2)).double()
    theirs = FullyConnectedNet([8, 7, 6, 4], torch.nn.functional.silu).double()
    with torch.no_grad():
        for layer, weight in zip(theirs, ours.weights, strict=False):
            layer.weight.copy_(weight)
        theirs[-1].weight.copy_(draw(6, 4, seed=5))
    x = draw(9, 8, seed=6)
    torch.testing.assert_close(ours(x) @ theirs[-1].weight / 6**0.5, theirs(x), rtol=1e-10, atol=1e-12)
