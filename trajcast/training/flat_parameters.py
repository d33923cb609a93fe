"""All weights of a model in one vector, so that an update takes only a few operations."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from trajcast.config.settings import TrainingSettings
from trajcast.model.network import Prediction, TrajCast
from trajcast.training import optimizers
from trajcast.training.batches import Batch
from trajcast.training.loss import Loss
from trajcast.training.multistep import after_own_step

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class FlatParameters:
    """The weights of `model`, converted to views of one vector, with their running averages and optimizer."""

    def __init__(self, model: TrajCast, settings: TrainingSettings):
        self.model = model
        self.averaged = copy.deepcopy(model).requires_grad_(False)
        self.vector, self.averages = _as_vector(self.model), _as_vector(self.averaged)
        self.gradient = self.vector.new_zeros(len(self.vector) + 1)  # the last element is the loss
        self.rate = torch.zeros((), device=self.vector.device, dtype=torch.float64)  # learning rate of the update
        shapes = [weight.shape for weight in self.model.parameters()]
        self.optimizer = optimizers.make(settings.optimizer, self.vector, self.gradient[:-1], shapes)
        self.one_minus_ema_decay = self.vector.new_tensor(1 - settings.ema_decay)

    @property
    def loss(self) -> Float[Tensor, ""]:
        """The loss that belongs to the current gradient."""
        return self.gradient[-1]

    def differentiate(self, batch: Batch, loss: Loss, steps: int = 1) -> None:
        """Compute loss and gradient of `batch`, in place.

        With two `steps`, both are means over the first step and a second one that starts from its prediction.
        """
        prediction, value = self._step_of(batch, loss)
        if steps == 2:
            _, second = self._step_of(after_own_step(batch, prediction, self.model.scales.cutoff), loss)
            value = (value + second) / 2
        # weights of outputs that the next layer does not use get zeros
        parts = torch.autograd.grad(value, list(self.model.parameters()), materialize_grads=True)
        torch.cat([*(part.flatten() for part in parts), value.detach()[None].to(self.gradient)], out=self.gradient)

    def _step_of(self, batch: Batch, loss: Loss) -> tuple[Prediction, Float[Tensor, ""]]:
        prediction = self.model(batch.state, batch.neighbors, batch.constants)
        return prediction, loss(prediction, batch.displacement, batch.velocity, batch.state.masses)

    @torch.no_grad()
    def step(self, keep: Bool[Tensor, ""]) -> None:
        """If `keep` is true, update the weights with the current gradient and rate, then their running averages."""
        self.optimizer.step(self.rate, keep)
        self.averages.lerp_(self.vector, torch.where(keep, self.one_minus_ema_decay, 0.0))


def _as_vector(model: nn.Module) -> Float[Tensor, " weights"]:
    """Concatenate all weights of `model` and make them views of the result."""
    weights = list(model.parameters())
    vector = parameters_to_vector(weights).detach()
    vector_to_parameters(vector, weights)
    return vector
