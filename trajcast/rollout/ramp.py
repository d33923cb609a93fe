"""Target temperature of the thermostat along a rollout: constant, or a ramp linear in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.config.settings import RolloutSettings
from trajcast.rollout.steps import StepCounts

if TYPE_CHECKING:
    from jaxtyping import Float


def targets(settings: RolloutSettings, counts: StepCounts, steps: range) -> Float[Tensor, " steps"]:
    """Target temperature (K, float64) of each of these steps, counted from 1.

    `temperature_K` until the end of the equilibration, then a ramp that reaches `final_temperature_K` in the last step.
    """
    first, last = settings.temperature_K, settings.final_temperature_K
    number = torch.arange(steps.start, steps.stop, dtype=torch.float64)
    done = (number - counts.equilibration).clamp(min=0) / counts.production
    return first + done * ((first if last is None else last) - first)
