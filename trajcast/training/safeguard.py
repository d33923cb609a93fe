"""Updates that would spoil the weights are skipped; a run that goes on skipping returns to good weights and slows down.

What is skipped depends on losses and gradients alone, what the run returns to on the number of updates: never on time.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trajcast.core.errors import UserError
from trajcast.training.weights import Weights

if TYPE_CHECKING:
    from jaxtyping import Bool

FAR = 8.0  # times the usual loss
MEMORY = 100  # updates over which a loss counts as usual
LOOK_EVERY = 100  # updates: looking waits for a GPU
TOO_MANY = 20  # updates skipped from one look to the next
MOST_RETURNS = 10  # each halves the learning rate
log = logging.getLogger(__name__)


class Safeguard:
    """Watches over the updates of `weights`; its numbers stay on their device from one look to the next."""

    def __init__(self, weights: Weights):
        self.weights = weights
        self.usual = torch.full((), torch.inf, dtype=torch.float64, device=weights.vector.device)
        self.seen = torch.zeros(2, dtype=torch.float64, device=weights.vector.device)  # losses and number of updates
        self.good = weights.averages.clone()
        self.lowest = torch.inf  # mean loss from one look to the next
        self.updates = self.returns = 0

    @property
    def slowed(self) -> float:
        """What is left of the learning rate."""
        return 0.5**self.returns

    def keep(self) -> Bool[Tensor, ""]:
        """Whether the present gradient is fit for an update."""
        loss = self.weights.loss.double()
        finite = torch.isfinite(torch.linalg.vector_norm(self.weights.gradient))
        keep = finite & (loss <= FAR * self.usual)
        usual = torch.where(torch.isinf(self.usual), loss, torch.lerp(self.usual, loss, 1 / MEMORY))
        self.usual.copy_(torch.where(keep, usual, self.usual))
        self.seen += torch.where(keep, torch.stack([loss, torch.ones_like(loss)]), 0.0)
        return keep

    def look(self) -> None:
        """After every update; UserError where good weights at the lowest rate were spoilt as well."""
        self.updates += 1
        if self.updates % LOOK_EVERY:
            return
        losses, kept = self.seen.tolist()
        mean = losses / max(1.0, kept)
        if LOOK_EVERY - kept > TOO_MANY or mean > FAR * self.lowest:
            self.go_back()
        else:
            self.lowest = min(self.lowest, mean)
            self.good.copy_(self.weights.averages)
            self.seen.zero_()

    def forget(self) -> None:
        """What losses were usual."""
        self.usual.fill_(torch.inf)
        self.seen.zero_()

    def go_back(self) -> None:
        """To the last good weights, with half the learning rate and nothing remembered."""
        if self.returns == MOST_RETURNS:
            raise UserError(
                f"the loss is not finite or grows even with the learning rate halved {MOST_RETURNS} times; "
                "look at the training data, or lower learning_rate or raise batch_size"
            )
        self.returns += 1
        for vector in (self.weights.vector, self.weights.averages):
            vector.copy_(self.good)
        self.weights.optimizer.forget()
        self.forget()
        log.warning(
            "update %d: the loss is not finite or grows; back to the last good weights, at %g times the learning rate",
            self.updates,
            self.slowed,
        )

    def state_dict(self) -> dict[str, Any]:
        """All that changes."""
        return {name: getattr(self, name) for name in ("usual", "seen", "good", "lowest", "updates", "returns")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with another one's state."""
        for name in ("usual", "seen", "good"):
            getattr(self, name).copy_(state[name])
        self.lowest, self.updates, self.returns = state["lowest"], state["updates"], state["returns"]
