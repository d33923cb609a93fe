"""Muon: orthogonalised momentum for the weight matrices, Adam for what is none.

K. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. An update of a matrix is the orthogonal one that is
nearest to its averaged gradient, so that no direction of a layer's signals learns at the expense of the others. Maps
that depend on the element have a matrix of each. The weights have unit variance (1/√fan-in stands outside of them),
hence updates of an RMS of 0.2 learning rates whatever the shape (Liu et al. 2025, arXiv:2502.16982), as Adam's are.

`torch.optim.Muon` takes one matrix after another and no tensors of three dimensions. Here all matrices of one shape are
one batched product, and the iteration runs on their Gram matrices, which are smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trajcast.training.optimizers.adam import Adam

if TYPE_CHECKING:
    from jaxtyping import Float, Int

MOMENTUM = 0.95
SIZE = 0.2  # RMS of an update in learning rates
SMALLEST = 5  # rows and columns of what counts as a matrix: in smaller ones all directions are few and alike
STEPS = 5
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic Newton–Schulz iteration, which takes singular values near one


def make(vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]) -> Muon:
    """For the matrices and the rest of parameters of these `shapes`."""
    return Muon(vector, gradient, shapes)


class Muon:
    """Momentum of the matrices in the order of `places`; `rest` is a copy of the other weights, which Adam updates."""

    def __init__(self, vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]):
        self.vector, self.gradient = vector, gradient
        stacks = matrices(shapes)
        self.shapes = [stack.shape for stack in stacks]
        places = torch.cat([stack.flatten() for stack in stacks])
        others = torch.ones(len(vector), dtype=torch.bool)
        others[places] = False
        self.places, self.others = places.to(vector.device), others.nonzero()[:, 0].to(vector.device)
        self.momentum, self.decay = vector.new_zeros(len(places)), vector.new_tensor(MOMENTUM)
        self.rest, self.rest_gradient = vector[self.others], gradient[self.others]
        self.adam = Adam(self.rest, self.rest_gradient, amsgrad=False)

    def step(self, learning_rate: Tensor, keep: Tensor) -> None:
        """One update where `keep` is true, none where it is false."""
        gradient = torch.where(keep, self.gradient[self.places], 0.0)
        self.momentum.mul_(torch.where(keep, self.decay, 1.0)).add_(gradient)
        ahead = gradient.add_(self.momentum, alpha=MOMENTUM)  # Nesterov's
        updates = [
            orthogonal(flat.view(shape)).mul_(SIZE * math.sqrt(max(shape[1:]))).flatten()
            for flat, shape in zip(ahead.split([shape.numel() for shape in self.shapes]), self.shapes, strict=True)
        ]
        rate = torch.where(keep, -learning_rate, 0.0)
        self.vector.index_add_(0, self.places, torch.cat(updates).to(self.vector).mul_(rate))
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


def matrices(shapes: Sequence[torch.Size]) -> list[Int[Tensor, "matrices rows columns"]]:
    """Where in the vector the weights of all matrices of one shape are, for each shape; rows are the shorter side."""
    found: dict[tuple[int, ...], list[Tensor]] = {}
    start = 0
    for shape in shapes:
        places = torch.arange(start, start := start + shape.numel()).view(shape)
        if places.ndim == 3:  # inputs, elements, outputs
            places = places.movedim(1, 0)
        elif places.ndim == 2:
            places = places[None]
        else:
            continue
        if places.shape[1] > places.shape[2]:
            places = places.transpose(1, 2)
        if places.shape[1] >= SMALLEST:
            found.setdefault(tuple(places.shape[1:]), []).append(places)
    return [torch.cat(stack) for stack in found.values()]


def orthogonal(
    x: Float[Tensor, "matrices rows columns"],
) -> Float[Tensor, "matrices rows columns"]:
    """Nearly the nearest matrices with orthonormal rows: singular values between 0.7 and 1.2 where they were not tiny.

    The steps x ← (a + b G + c G²) x with G = x xᵀ multiply x by a polynomial of the first G, which is found from G
    alone.
    """
    a, b, c = COEFFICIENTS
    x = x.to(torch.float32)
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-12)
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
