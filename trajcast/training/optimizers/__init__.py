"""How a gradient becomes an update: one file per optimizer, named after what `training.optimizer` calls it.

Each has `make(vector, gradient, shapes)`: an optimizer of all weights in one vector, which holds parameters of these
shapes one after the other, by the gradient that it finds in its place.
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
    """Weights and gradient stay where they were when it was made."""

    def step(self, learning_rate: Float[Tensor, ""], keep: Bool[Tensor, ""]) -> None:
        """One update in place where `keep` is true, nothing where it is false; no waiting for a GPU."""

    def forget(self) -> None:
        """Be as before the first update."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers of earlier gradients."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what another one of the same kind remembered."""


def make(name: str, vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]) -> Optimizer:
    """The optimizer of this name; UserError that lists them where there is none."""
    return cast("Optimizer", named_module("training.optimizers", name).make(vector, gradient, shapes))
