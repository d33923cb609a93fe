"""Check for backends that do not differentiate with respect to directions."""

from __future__ import annotations

import torch
from torch import Tensor

from trajcast.core.errors import UserError


def refuse_gradient(harmonics: Tensor, backend: str) -> None:
    """Refuse harmonics that require a gradient, which `backend` would silently omit.

    Raises:
        UserError: `harmonics` require a gradient.
    """
    if torch.is_grad_enabled() and harmonics.requires_grad:
        raise UserError(
            f"backend {backend} has no gradients with respect to positions and velocities, which this loss needs (it "
            "spans several steps, or includes forces): use backend dense, or detach the state"
        )
