"""Every backend against e3nn's own modules: outputs and gradients, on random irreps and on the whole network."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import Tensor

from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.plugins import named_module
from trajcast.model import ops
from trajcast.model.embedding import directions
from trajcast.model.ops import _jit, _parts
from trajcast.model.paths import ByIrrep, Parities, ProductShape, parities_after, split_parities

CPU = torch.device("cpu")
REFERENCE = ops.choose(CPU, torch.float64, "e3nn")
SHAPES = {
    "first layer": ProductShape(((1,), (-1,), (1,)), 2, 3),
    "second layer": ProductShape(parities_after(((1,), (-1,)), 1), 1, 16),
    "both parities": ProductShape(((-1, 1),) * 3, 2, 5),
    "published": ProductShape(((-1, 1),) * 3, 2, 64),
    "l up to 3": ProductShape(((-1, 1),) * 4, 3, 2),
    "odd scalars only": ProductShape(((-1,), (1,)), 1, 24),
}
RELATIVE = {torch.float64: 1e-9, torch.float32: 1e-5}
HIDDEN = 7


def draw(*shape: int, seed: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def features_of(parities: Parities, channels: int, atoms: int, dtype: torch.dtype) -> list[Tensor]:
    return [
        draw(atoms, 2 * l + 1, channels * len(p), seed=l, dtype=dtype).requires_grad_() for l, p in enumerate(parities)
    ]


def some_neighbors(atoms: int, dtype: torch.dtype, *, paired: bool) -> Neighbors:
    """Between none and six neighbours, and capacity for three more; all edges but the unused may be two of one pair."""
    rng = torch.Generator().manual_seed(4)
    first = torch.cat([torch.zeros(1, dtype=torch.long), torch.randint(0, 7, (atoms,), generator=rng).cumsum(0)])
    count = int(first[-1]) + 3
    vectors = draw(count, 3, seed=11, dtype=dtype)
    index = torch.randint(0, atoms, (count,), generator=rng)
    pairs = (count + 1) // 2 + 2
    pair = torch.cat([torch.randperm(int(first[-1]), generator=rng) % (pairs - 3), torch.arange(pairs - 3, pairs)])
    return Neighbors(
        first=first, index=index, vectors=vectors, cutoff=5.0,
        pair=pair if paired else None, pairs=pairs if paired else 0,
    )  # fmt: skip


def difference(ours: ByIrrep, theirs: ByIrrep, inputs: list[Tensor]) -> float:
    """The largest one of outputs and gradients, each relative to its largest number; infinite where shapes differ."""
    seeds = {k: draw(*x.shape, seed=12 + k[0] * 2 + k[1], dtype=x.dtype) for k, x in theirs.items()}
    if {k: x.shape for k, x in ours.items()} != {k: x.shape for k, x in theirs.items()}:
        return float("inf")
    gradients = []
    for outputs in (ours, theirs):
        total = sum(((outputs[k] * seeds[k]).sum() for k in seeds), start=torch.zeros((), dtype=inputs[0].dtype))
        gradients.append(torch.autograd.grad(total, inputs))
    pairs = [(ours[k], theirs[k]) for k in theirs] + list(zip(*gradients, strict=True))
    return max(float(((a - b).abs().max() / b.abs().max()).detach()) for a, b in pairs)


@pytest.fixture(params=[name for name in ops.names() if name != "e3nn"])
def backend(request: pytest.FixtureRequest) -> ModuleType:
    module = named_module("model.ops", request.param)
    if reason := module.unavailable(CPU, torch.float64):
        pytest.skip(f"{request.param}: {reason}")
    return module


def edge_difference(backend: ModuleType, shape: ProductShape, dtype: torch.dtype, paired: bool) -> float:
    atoms = 11
    neighbors = some_neighbors(atoms, dtype, paired=paired)
    harmonics = directions(neighbors.vectors, shape.l_max)
    features = features_of(shape.parities, shape.channels, atoms, dtype)
    near = draw((neighbors.pairs or len(neighbors.index)) - 3, HIDDEN, seed=10, dtype=dtype).requires_grad_()
    hidden = torch.cat([near, near.new_zeros(3, HIDDEN)])  # zero beyond the cutoff, as for unused capacity
    weight = draw(HIDDEN, shape.weights, seed=9, dtype=dtype).requires_grad_()
    found = [
        b.edge_product(shape, features, b.edges(neighbors, harmonics), hidden, weight) for b in (backend, REFERENCE)
    ]
    return difference(*found, [*(f for f in features if f.numel()), near, weight])


def node_difference(backend: ModuleType, shape: ProductShape, dtype: torch.dtype) -> float:
    atoms = 9
    features = features_of(shape.parities, shape.channels, atoms, dtype)
    hidden = draw(atoms, HIDDEN, seed=10, dtype=dtype).requires_grad_()
    weight = draw(HIDDEN, shape.weights, seed=9, dtype=dtype).requires_grad_()
    harmonics = directions(draw(atoms, 3, seed=8, dtype=dtype), shape.l_max)
    found = [b.node_product(shape, features, harmonics, hidden, weight) for b in (backend, REFERENCE)]
    return difference(*found, [*(f for f in features if f.numel()), hidden, weight])


def species_difference(backend: ModuleType, species: Tensor, dtype: torch.dtype) -> float:
    parities: Parities = ((1,), (), (-1, 1))
    features = features_of(parities, 6, len(species), dtype)
    weights = {irrep: draw(6, 3, 6, seed=3 + irrep[1], dtype=dtype) for irrep in ((0, 1), (2, -1), (2, 1))}
    for weight in weights.values():
        weight.requires_grad_()
    found = [
        split_parities(b.species_linear(features, parities, b.elements(species, 3), weights), parities)
        for b in (backend, REFERENCE)
    ]
    return difference(*found, [*(f for f in features if f.numel()), *weights.values()])


@pytest.mark.parametrize("paired", [False, True], ids=["edges", "pairs"])
@pytest.mark.parametrize("dtype", RELATIVE, ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_edge_product(backend: ModuleType, shape: ProductShape, dtype: torch.dtype, paired: bool) -> None:
    assert edge_difference(backend, shape, dtype, paired) <= RELATIVE[dtype]


@pytest.mark.parametrize("dtype", RELATIVE, ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_node_product(backend: ModuleType, shape: ProductShape, dtype: torch.dtype) -> None:
    assert node_difference(backend, shape, dtype) <= RELATIVE[dtype]


@pytest.mark.parametrize(
    "species",
    [torch.tensor([0, 2, 2, 0, 0, 2, 0, 2]), torch.tensor([1, 1, 1, 0, 0, 2, 2, 2])],
    ids=["one element absent", "in order"],
)
@pytest.mark.parametrize("dtype", RELATIVE, ids=str)
def test_species_linear(backend: ModuleType, species: Tensor, dtype: torch.dtype) -> None:
    assert species_difference(backend, species, dtype) <= RELATIVE[dtype]


@pytest.mark.parametrize("dtype", RELATIVE, ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_linear(backend: ModuleType, shape: ProductShape, dtype: torch.dtype) -> None:
    sizes = {irrep: (columns, 5 + 2 * n) for n, (irrep, columns) in enumerate(sorted(shape.columns.items()))}
    features = {k: draw(9, 2 * k[0] + 1, n, seed=sum(k), dtype=dtype) for k, (n, _) in sizes.items()}
    weights = {k: draw(*size, seed=7 + sum(k), dtype=dtype) for k, size in sizes.items()}
    inputs = [x.requires_grad_() for x in (*features.values(), *weights.values())]
    found = [{(l, 1): x for l, x in enumerate(b.linear(features, weights))} for b in (backend, REFERENCE)]
    assert difference(*found, inputs) <= RELATIVE[dtype]
    with torch.no_grad():
        for x, y in zip(backend.linear(features, weights), found[1].values(), strict=True):
            assert (x - y).abs().max() <= RELATIVE[dtype] * y.abs().max()


@pytest.mark.parametrize("pair_bytes", [0, 2**30], ids=["in ranges", "l by l"])
@pytest.mark.parametrize("paired", [False, True], ids=["edges", "pairs"])
@pytest.mark.parametrize("dtype", RELATIVE, ids=str)
@pytest.mark.parametrize("team", ["OpenMP's", "Python's"])
def test_threads_and_parts_of_compiled_kernels(
    team: str, dtype: torch.dtype, paired: bool, pair_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled kernels on three threads, with no more than a few edges, or one l, at a time."""
    if team == "Python's":
        monkeypatch.setattr(_jit, "_openmp", lambda: None)
    compiled = named_module("model.ops", "llvm")
    if reason := compiled.unavailable(CPU, dtype):
        pytest.skip(reason)
    shape = SHAPES["both parities"]
    monkeypatch.setattr(_parts, "PAIR_WEIGHTS", pair_bytes)
    monkeypatch.setattr(_parts, "WEIGHTS_SHARED", 5 * shape.weights * dtype.itemsize)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert edge_difference(compiled, shape, dtype, paired) <= RELATIVE[dtype]
        assert node_difference(compiled, shape, dtype) <= RELATIVE[dtype]
        assert species_difference(compiled, torch.tensor([0, 2, 2, 0, 0, 2, 0, 2]), dtype) <= RELATIVE[dtype]
    finally:
        torch.set_num_threads(threads)
