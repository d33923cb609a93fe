"""Muon: orthogonalised momentum for the weight matrices, Adam for all other weights.

K. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. The update of a matrix is the orthogonal matrix
nearest to its averaged gradient, so that no direction of a layer's signals learns at the expense of the others. Maps
that depend on the element have one matrix per element. The weights have unit variance (the factor 1/√fan-in is applied
separately), so updates have an RMS of 0.2 learning rates for every shape, as those of Adam do (Liu et al. 2025,
arXiv:2502.16982).

`torch.optim.Muon` processes matrices one by one and accepts no three-dimensional tensors. Here all matrices of the same
shape are multiplied in one batch. The iteration runs in bfloat16 if the device has hardware for it (updates differ by
1 % from those in float32), otherwise on the smaller Gram matrices.
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
SIZE = 0.2  # RMS of an update, in units of the learning rate
SMALLEST = 5  # fewest rows and columns of a matrix: smaller ones have too few directions and are left to Adam
STEPS = 5  # iterations
WIDE = 6  # columns per row, from which Gram matrices are so much smaller that float32 is no slower
FEWEST_ROWS = 64  # from which bfloat16 hardware saves more time than the conversion costs
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic Newton–Schulz iteration


def make(vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]) -> Muon:
    """Make a Muon optimizer of weights with these `shapes`."""
    return Muon(vector, gradient, shapes)


class Muon:
    """Muon on one vector.

    Matrices of the same shape form a stack; `momentum` concatenates the stacks. `rest` is a copy of the other weights,
    which Adam updates.
    """

    def __init__(self, vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]):
        self.vector, self.gradient = vector, gradient
        self.weights, self.gradients = stacks(vector, shapes), stacks(gradient, shapes)
        self.shapes = [torch.Size((len(stack), *stack[0].shape)) for stack in self.weights]
        sizes = [shape.numel() for shape in self.shapes]
        self.momentum, self.decay = vector.new_zeros(sum(sizes)), vector.new_tensor(MOMENTUM)
        self.lookahead = torch.zeros_like(self.momentum)
        self.stacked = [part.view(shape) for part, shape in zip(self.lookahead.split(sizes), self.shapes, strict=True)]
        others = torch.ones(len(vector), dtype=torch.bool)
        for matrix in chain(*stacks(others, shapes)):
            matrix.zero_()
        self.others = others.nonzero()[:, 0].to(vector.device)
        self.rest, self.rest_gradient = vector[self.others], gradient[self.others]
        self.adam = Adam(self.rest, self.rest_gradient, amsgrad=False)
        self.methods = [method(shape, vector.device) for shape in self.shapes]

    def step(self, learning_rate: Tensor, keep: Tensor) -> None:
        """Update the weights if `keep` is true."""
        for stack, gradients in zip(self.stacked, self.gradients, strict=True):
            torch.stack(gradients, out=stack)
        self.lookahead.masked_fill_(~keep, 0.0)
        self.momentum.mul_(torch.where(keep, self.decay, 1.0)).add_(self.lookahead)
        self.lookahead.add_(self.momentum, alpha=MOMENTUM)  # Nesterov momentum
        rate = torch.where(keep, -SIZE * learning_rate, 0.0).to(torch.float32)
        for stack, weights, orthogonal in zip(self.stacked, self.weights, self.methods, strict=True):
            update = orthogonal(stack).to(self.vector).mul_(rate * math.sqrt(max(stack.shape[1:])))
            torch._foreach_add_(weights, list(update))
        self.rest.copy_(self.vector[self.others])
        self.rest_gradient.copy_(self.gradient[self.others])
        self.adam.step(learning_rate, keep)
        self.vector.index_copy_(0, self.others, self.rest)

    def forget(self) -> None:
        """Reset the state to that before the first update."""
        self.momentum.zero_()
        self.adam.forget()

    def state_dict(self) -> dict[str, Any]:
        """The momentum and the state of Adam."""
        return {"momentum": self.momentum, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of another Muon."""
        self.momentum.copy_(state["momentum"])
        self.adam.load_state_dict(state["adam"])


def stacks(vector: Tensor, shapes: Sequence[torch.Size]) -> list[list[Float[Tensor, "rows columns"]]]:
    """Views of all matrices in `vector`, grouped by shape and transposed so that rows are no more than columns."""
    by_shape: dict[torch.Size, list[Tensor]] = {}
    for part, shape in zip(vector.split([shape.numel() for shape in shapes]), shapes, strict=True):
        # three dimensions: inputs, elements, outputs
        parts = part.view(shape).unbind(1) if len(shape) == 3 else [part.view(shape)] if len(shape) == 2 else []
        for matrix in parts:
            matrix = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
            if len(matrix) >= SMALLEST:
                by_shape.setdefault(matrix.shape, []).append(matrix)
    return list(by_shape.values())


def method(shape: torch.Size, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The faster orthogonalisation, `direct` or `by_gram`, for this device and shape of a stack."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        has_bfloat16 = device.type == "cpu" and torch.cpu._is_amx_tile_supported()
    return direct if has_bfloat16 and shape[1] >= FEWEST_ROWS and shape[2] < WIDE * shape[1] else by_gram


def by_gram(x: Float[Tensor, "matrices rows columns"]) -> Float[Tensor, "matrices rows columns"]:
    """Approximate the nearest matrices with orthonormal rows, in float32.

    Singular values end up between 0.7 and 1.2 unless they were tiny. The steps x ← (a + b G + c G²) x with G = x xᵀ
    multiply x by a polynomial of the initial G, which is computed from G alone.
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
    """Approximate the nearest matrices with orthonormal rows, in bfloat16.

    The steps are those of `by_gram`, but applied to x itself: Gram matrices in bfloat16 would lose the small singular
    values.
    """
    a, b, c = COEFFICIENTS
    x = _of_unit_norm(x).to(torch.bfloat16)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _of_unit_norm(x: Float[Tensor, "matrices rows columns"]) -> Float[Tensor, "matrices rows columns"]:
    x = x.to(torch.float32)
    return x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-12)
