"""Optimizer plug-ins: one module each, selected by name with the setting `training.optimizer`.

Each module has a function `make(vector, gradient, shapes)`. It returns an optimizer of `vector`, which concatenates
weights of the given `shapes`; every step reads the gradient from the tensor `gradient`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor

from trajcast.core.plugins import named_module

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class Optimizer(Protocol):
    """An optimizer bound to the vectors of weights and gradient that it was made with."""

    def step(self, learning_rate: Float[Tensor, ""], keep: Bool[Tensor, ""]) -> None:
        """Update the weights in place if `keep` is true, else change nothing; never synchronise with the GPU."""

    def forget(self) -> None:
        """Reset the internal state to that before the first update."""

    def state_dict(self) -> dict[str, Any]:
        """The internal state, as stored in checkpoints."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of another optimizer of the same kind."""


def make(name: str, vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]) -> Optimizer:
    """Make the optimizer called `name`.

    Raises:
        UserError: If there is none; the message lists the alternatives.
    """
    return cast("Optimizer", named_module("training.optimizers", name).make(vector, gradient, shapes))
