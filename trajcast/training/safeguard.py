"""Protection against divergence.

Updates with outlying losses are skipped; if too many are skipped or the loss grows, the run returns to the last good
weights with half the learning rate. All decisions depend on losses, gradients and the number of updates, never on time,
so that runs are reproducible.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trajcast.core.errors import UserError
from trajcast.training.flat_parameters import FlatParameters

if TYPE_CHECKING:
    from jaxtyping import Bool

MAX_LOSS_RATIO = 8.0  # of the loss to its running average
AVERAGED_UPDATES = 100  # time constant of the running average of the loss
LOOK_EVERY = 100  # updates between inspections, which synchronise with the GPU
TOO_MANY = 20  # skipped updates between two inspections
MAX_RETURNS = 10  # to good weights; each halves the learning rate
log = logging.getLogger(__name__)


class Safeguard:
    """Monitors the updates of `parameters`; its tensors stay on the device between inspections."""

    def __init__(self, parameters: FlatParameters):
        self.parameters = parameters
        device = parameters.vector.device
        self.average_loss = torch.full((), torch.inf, dtype=torch.float64, device=device)
        self.accepted = torch.zeros(2, dtype=torch.float64, device=device)  # sum of losses and number of updates
        self.good_weights = parameters.averages.clone()
        self.lowest = torch.inf  # mean loss between two inspections
        self.updates = self.returns = 0

    @property
    def rate_factor(self) -> float:
        """Factor by which returns to good weights have reduced the learning rate."""
        return 0.5**self.returns

    def keep(self) -> Bool[Tensor, ""]:
        """Whether to apply the current gradient: it is finite and the loss is no outlier."""
        loss = self.parameters.loss.double()
        finite = torch.isfinite(torch.linalg.vector_norm(self.parameters.gradient))
        keep = finite & (loss <= MAX_LOSS_RATIO * self.average_loss)
        average = self.average_loss
        updated = torch.where(torch.isinf(average), loss, torch.lerp(average, loss, 1 / AVERAGED_UPDATES))
        average.copy_(torch.where(keep, updated, average))
        self.accepted += torch.where(keep, torch.stack([loss, torch.ones_like(loss)]), 0.0)
        return keep

    def inspect(self) -> None:
        """Return to good weights if needed; call after every update.

        Raises:
            UserError: If training diverges even at the lowest learning rate.
        """
        self.updates += 1
        if self.updates % LOOK_EVERY:
            return
        loss_sum, count = self.accepted.tolist()
        mean = loss_sum / max(1.0, count)
        if LOOK_EVERY - count > TOO_MANY or mean > MAX_LOSS_RATIO * self.lowest:
            self.go_back()
        else:
            self.lowest = min(self.lowest, mean)
            self.good_weights.copy_(self.parameters.averages)
            self.accepted.zero_()

    def forget(self) -> None:
        """Reset the loss statistics."""
        self.average_loss.fill_(torch.inf)
        self.accepted.zero_()

    def go_back(self) -> None:
        """Return to the last good weights with half the learning rate, and reset the optimizer.

        Raises:
            UserError: If the learning rate has been halved the maximum number of times.
        """
        if self.returns == MAX_RETURNS:
            raise UserError(
                f"the loss is not finite or grows even with the learning rate halved {MAX_RETURNS} times; "
                "check the training data, or lower learning_rate or raise batch_size"
            )
        self.returns += 1
        for vector in (self.parameters.vector, self.parameters.averages):
            vector.copy_(self.good_weights)
        self.parameters.optimizer.forget()
        self.forget()
        log.warning(
            "update %d: the loss is not finite or grows; back to the last good weights, at %g times the learning rate",
            self.updates,
            self.rate_factor,
        )

    def state_dict(self) -> dict[str, Any]:
        """The complete state, as stored in checkpoints."""
        return {
            "usual": self.average_loss,
            "seen": self.accepted,
            "good": self.good_weights,
            "lowest": self.lowest,
            "updates": self.updates,
            "returns": self.returns,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        for name, tensor in (("usual", self.average_loss), ("seen", self.accepted), ("good", self.good_weights)):
            tensor.copy_(state[name])
        self.lowest, self.updates, self.returns = state["lowest"], state["updates"], state["returns"]
