"""The training loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from trajcast.config.settings import TrainingSettings
from trajcast.data.dataset import Dataset
from trajcast.model.network import Prediction

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Mean squared errors of displacement and new velocity, each relative to its mean square over the training set.

    With `mass_weighted`, squares are weighted by the mass of the atom, so that by equipartition all elements contribute
    equally; otherwise the errors of light elements outweigh those of heavy ones.
    """

    displacement_weight: float
    velocity_weight: float
    mass_weighted: bool
    displacement_square: float  # Å², or u Å² if mass-weighted
    velocity_square: float  # (Å/fs)², or u (Å/fs)²

    def __call__(
        self,
        prediction: Prediction,
        displacement: Float[Tensor, "atoms 3"],
        velocity: Float[Tensor, "atoms 3"],
        masses: Float[Tensor, " atoms"],
    ) -> Float[Tensor, ""]:
        weights = (masses if self.mass_weighted else torch.ones_like(masses))[:, None]
        displacement_error = (weights * (prediction.displacement - displacement) ** 2).mean() / self.displacement_square
        velocity_error = (weights * (prediction.velocity - velocity) ** 2).mean() / self.velocity_square
        return self.displacement_weight * displacement_error + self.velocity_weight * velocity_error


def loss_of(dataset: Dataset, settings: TrainingSettings) -> Loss:
    """The loss for `dataset`, normalised by the mean squares of the targets in its training split."""
    pairs = dataset.split("training")
    weights = dataset.spec.masses if settings.mass_weighted else np.ones(dataset.spec.n_atoms)

    def mean_square(values: np.ndarray) -> float:
        return float((weights[:, None] * np.square(values, dtype=np.float64)).mean())

    return Loss(
        displacement_weight=settings.displacement_weight,
        velocity_weight=settings.velocity_weight,
        mass_weighted=settings.mass_weighted,
        displacement_square=mean_square(pairs.displacements),
        velocity_square=mean_square(pairs.new_velocities),
    )
