"""Tests a backend on the device in use, since success on a GPU also depends on drivers and compilers."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import torch
from torch import Tensor

from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.model.embedding import directions
from trajcast.model.paths import ByIrrep, ProductShape

RELATIVE = {torch.float32: 5e-3, torch.float64: 1e-9}  # allows for the 10-bit mantissa of TF32
SHAPE = ProductShape(parities=((-1, 1),) * 3, l_max=2, channels=64)  # the published shape, whose kernels this compiles
COUNTS = (5, 0, 2, 7, 1, 3, 4, 9)  # neighbours of each atom
WIDTH = 8  # hidden values per edge or atom


def disagreement(backend: ModuleType, reference: ModuleType, device: torch.device, dtype: torch.dtype) -> str | None:
    """How `backend` fails on, or differs from `reference` in, a small product and its gradients; None if it agrees."""
    try:
        with torch.inference_mode(False), torch.enable_grad():
            found = list(_results(backend, device, dtype))
            expected = list(_results(reference, device, torch.float64))
    except Exception as error:  # compilers and drivers raise many types; another backend can take over
        return f"{type(error).__name__}: {error}"
    errors = [float((x - y).abs().max() / y.abs().max()) for x, y in zip(found, expected, strict=True)]
    worst = max(errors)
    return None if worst <= RELATIVE[dtype] else f"results differ by {worst:.1e} from those of plain PyTorch"


def _results(backend: ModuleType, device: torch.device, dtype: torch.dtype) -> Iterator[Tensor]:
    """Edge product and node product, each followed by its gradients."""
    rng = torch.Generator().manual_seed(0)

    def draw(*size: int) -> Tensor:
        return torch.randn(size, generator=rng, dtype=torch.float64).to(device, dtype)

    atoms = len(COUNTS)
    first = torch.tensor([0, *COUNTS]).cumsum(0)
    index = torch.randint(0, atoms, (int(first[-1]),), generator=rng)
    vectors = draw(len(index), 3)
    neighbors = Neighbors(first=first.to(device), index=index.to(device), vectors=vectors, cutoff=1.0)
    features = [draw(atoms, 2 * l + 1, SHAPE.channels * len(p)) for l, p in enumerate(SHAPE.parities)]
    weight, of_edges, of_atoms = draw(WIDTH, SHAPE.weights), draw(len(index), WIDTH), draw(atoms, WIDTH)
    inputs = [x.requires_grad_() for x in (*features, weight, of_edges, of_atoms)]
    edges = backend.edges(neighbors, directions(vectors, SHAPE.l_max))
    yield from _with_gradients(backend.edge_product(SHAPE, features, edges, of_edges, weight), inputs[:-1])
    harmonics = directions(draw(atoms, 3), SHAPE.l_max)
    node = backend.node_product(SHAPE, features, harmonics, of_atoms, weight)
    yield from _with_gradients(node, [*inputs[:-2], of_atoms])


def _with_gradients(product: ByIrrep, inputs: list[Tensor]) -> Iterator[Tensor]:
    parts = [product[irrep] for irrep in sorted(product)]
    total = torch.stack([(x * torch.linspace(-1, 1, x.numel()).to(x).view_as(x)).sum() for x in parts]).sum()
    yield from (x.detach().double() for x in (*parts, *torch.autograd.grad(total, inputs)))
