"""Two-step training: a second step that starts from the network's own prediction.

In a rollout the input of the network is its own output, which deviates from MD by its errors. Two-step training
includes such inputs: the target of the second step is the MD state two horizons after the start. Gradients do not
propagate through the first step (Brandstetter, Worrall & Welling 2022, arXiv:2202.03376).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from trajcast.core.neighbors.find import find_neighbors
from trajcast.model.network import Prediction
from trajcast.training.batches import Batch


@torch.no_grad()
def after_own_step(batch: Batch, prediction: Prediction, cutoff: float) -> Batch:
    """The second step of `batch`, starting from the `prediction` of the first."""
    assert batch.later_displacement is not None
    assert batch.later_velocity is not None
    state = replace(
        batch.state, positions=batch.state.positions + prediction.displacement, velocities=prediction.velocity.detach()
    )
    return Batch(
        state=state,
        neighbors=find_neighbors(state, cutoff),
        constants=batch.constants,
        displacement=batch.displacement + batch.later_displacement - prediction.displacement,
        velocity=batch.later_velocity,
    )
