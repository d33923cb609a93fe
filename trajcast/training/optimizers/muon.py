"""Muon: orthogonalised momentum for the weight matrices, Adam for what is none.

K. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. An update of a matrix is the orthogonal one that is
nearest to its averaged gradient, so that no direction of a layer's signals learns at the expense of the others. Maps
that depend on the element have a matrix of each. The weights have unit variance (1/√fan-in stands outside of them),
hence updates of an RMS of 0.2 learning rates whatever the shape (Liu et al. 2025, arXiv:2502.16982), as Adam's are.

`torch.optim.Muon` takes one matrix after another and no tensors of three dimensions. Here all matrices of one shape are
one batched product, and the iteration runs in bfloat16 where a device has units for it (an update differs by 1 % from
that in float32), else on their Gram matrices, which are smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trajcast.training.optimizers.adam import Adam

if TYPE_CHECKING:
    from jaxtyping import Float

MOMENTUM = 0.95
SIZE = 0.2  # RMS of an update in learning rates
SMALLEST = 5  # rows and columns of what counts as a matrix: in smaller ones all directions are few and alike
STEPS = 5
WIDE = 6  # times as many columns as rows: Gram matrices are so much smaller that float32 is no slower
FEWEST_ROWS = 64  # for which the units for bfloat16 gain more than the conversion takes
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic Newton–Schulz iteration, which takes singular values near one


def make(vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]) -> Muon:
    """For the matrices and the rest of parameters of these `shapes`."""
    return Muon(vector, gradient, shapes)


class Muon:
    """Momentum of the matrices, stack after stack; `rest` is a copy of the other weights, which Adam updates."""

    def __init__(self, vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]):
        self.vector, self.gradient = vector, gradient
        self.weights, self.slopes = stacks(vector, shapes), stacks(gradient, shapes)
        self.shapes = [torch.Size((len(stack), *stack[0].shape)) for stack in self.weights]
        sizes = [shape.numel() for shape in self.shapes]
        self.momentum, self.decay = vector.new_zeros(sum(sizes)), vector.new_tensor(MOMENTUM)
        self.ahead = torch.zeros_like(self.momentum)
        self.stacked = [part.view(shape) for part, shape in zip(self.ahead.split(sizes), self.shapes, strict=True)]
        others = torch.ones(len(vector), dtype=torch.bool)
        for matrix in chain(*stacks(others, shapes)):
            matrix.zero_()
        self.others = others.nonzero()[:, 0].to(vector.device)
        self.rest, self.rest_gradient = vector[self.others], gradient[self.others]
        self.adam = Adam(self.rest, self.rest_gradient, amsgrad=False)
        self.methods = [method(shape, vector.device) for shape in self.shapes]

    def step(self, learning_rate: Tensor, keep: Tensor) -> None:
        """One update where `keep` is true, none where it is false."""
        for stack, slopes in zip(self.stacked, self.slopes, strict=True):
            torch.stack(slopes, out=stack)
        self.ahead.masked_fill_(~keep, 0.0)
        self.momentum.mul_(torch.where(keep, self.decay, 1.0)).add_(self.ahead)
        self.ahead.add_(self.momentum, alpha=MOMENTUM)  # Nesterov's
        rate = torch.where(keep, -SIZE * learning_rate, 0.0).to(torch.float32)
        for stack, weights, orthogonal in zip(self.stacked, self.weights, self.methods, strict=True):
            update = orthogonal(stack).to(self.vector).mul_(rate * math.sqrt(max(stack.shape[1:])))
            torch._foreach_add_(weights, list(update))
        self.rest.copy_(self.vector[self.others])
        self.rest_gradient.copy_(self.gradient[self.others])
        self.adam.step(learning_rate, keep)
        self.vector.index_copy_(0, self.others, self.rest)

    def forget(self) -> None:
        """As it was before its first update."""
        self.momentum.zero_()
        self.adam.forget()

    def state_dict(self) -> dict[str, Any]:
        """The momentum and Adam's state."""
        return {"momentum": self.momentum, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with another one's state."""
        self.momentum.copy_(state["momentum"])
        self.adam.load_state_dict(state["adam"])


def stacks(vector: Tensor, shapes: Sequence[torch.Size]) -> list[list[Float[Tensor, "rows columns"]]]:
    """All matrices in `vector` as views of it, those of one shape together; rows are the shorter side."""
    found: dict[torch.Size, list[Tensor]] = {}
    for part, shape in zip(vector.split([shape.numel() for shape in shapes]), shapes, strict=True):
        # of three dimensions: inputs, elements, outputs
        parts = part.view(shape).unbind(1) if len(shape) == 3 else [part.view(shape)] if len(shape) == 2 else []
        for matrix in parts:
            matrix = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
            if len(matrix) >= SMALLEST:
                found.setdefault(matrix.shape, []).append(matrix)
    return list(found.values())


def method(shape: torch.Size, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The faster way to the orthogonal matrices: by what the device has units for, and by what the shape spares."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        has_bfloat16 = device.type == "cpu" and torch.cpu._is_amx_tile_supported()
    return direct if has_bfloat16 and shape[1] >= FEWEST_ROWS and shape[2] < WIDE * shape[1] else by_gram


def by_gram(x: Float[Tensor, "matrices rows columns"]) -> Float[Tensor, "matrices rows columns"]:
    """Nearly the nearest matrices with orthonormal rows: singular values between 0.7 and 1.2 where they were not tiny.

    The steps x ← (a + b G + c G²) x with G = x xᵀ multiply x by a polynomial of the first G, which is found from G
    alone.
    """
    a, b, c = COEFFICIENTS
    x = _of_unit_norm(x)
    gram = x @ x.mT
    eye = a * torch.eye(len(gram[0]), dtype=x.dtype, device=x.device)
    product: Tensor | None = None
    for step in range(STEPS):
        factor = eye + torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        product = factor if product is None else factor @ product
        if step < STEPS - 1:
            gram = factor @ gram @ factor
    assert product is not None
    return product @ x


def direct(x: Float[Tensor, "matrices rows columns"]) -> Float[Tensor, "matrices rows columns"]:
    """The same in bfloat16, step by step: Gram matrices of that precision would lose the small singular values."""
    a, b, c = COEFFICIENTS
    x = _of_unit_norm(x).to(torch.bfloat16)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _of_unit_norm(x: Float[Tensor, "matrices rows columns"]) -> Float[Tensor, "matrices rows columns"]:
    x = x.to(torch.float32)
    return x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-12)
