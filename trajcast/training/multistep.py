"""A sample's second step, from where the network's own first step has led.

In a rollout a network sees states that it made itself, which differ from those of MD by its errors. Here it learns
from them: the target of the second step is where MD is two horizons after the start. The first step is not
differentiated through (Brandstetter, Worrall & Welling 2022, arXiv:2202.03376).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from trajcast.core.neighbors.find import find_neighbors
from trajcast.model.network import Prediction
from trajcast.training.batches import Batch


@torch.no_grad()
def after_own_step(batch: Batch, prediction: Prediction, cutoff: float) -> Batch:
    """The second step of the samples of `batch`, of whose first one the network made `prediction`."""
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
