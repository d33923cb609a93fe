"""What backends without gradients of directions say."""

from __future__ import annotations

import torch
from torch import Tensor

from trajcast.core.errors import UserError


def refuse_gradient(harmonics: Tensor, backend: str) -> None:
    """UserError where a gradient of these harmonics of directions will be asked for: it would be left out."""
    if torch.is_grad_enabled() and harmonics.requires_grad:
        raise UserError(
            f"backend {backend} gives no gradients of positions and velocities, which this loss needs (it goes through "
            "several steps, or asks for forces): take backend dense, or detach the state"
        )
