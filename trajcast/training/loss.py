"""The loss."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from trajcast.config import Training
from trajcast.data.dataset import Statistics
from trajcast.model.network import Prediction


def relative_squared_errors(
    prediction: Prediction,
    displacement: Float[Tensor, "atoms 3"],
    velocity: Float[Tensor, "atoms 3"],
    statistics: Statistics,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Mean squared errors of displacement and new velocity, each in units of its training-set mean square."""
    displacement_error = ((prediction.displacement - displacement) / statistics.displacement_rms) ** 2
    velocity_error = ((prediction.velocity - velocity) / statistics.velocity_rms) ** 2
    return displacement_error.mean(), velocity_error.mean()


def weighted(displacement_error: Tensor, velocity_error: Tensor, settings: Training) -> Tensor:
    """The loss from the two relative squared errors."""
    return settings.displacement_weight * displacement_error + settings.velocity_weight * velocity_error
