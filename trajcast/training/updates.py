"""Updates of the weights, each with the gradient of a batch that all processes share."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.config.settings import TrainingSettings
from trajcast.core.parallel import SINGLE_PROCESS, Processes
from trajcast.data.dataset import Pairs
from trajcast.model.network import TrajCast
from trajcast.training.batches import Batches
from trajcast.training.captured import captured
from trajcast.training.flat_parameters import FlatParameters
from trajcast.training.loss import Loss
from trajcast.training.safeguard import Safeguard


class Updates:
    """Updates of the weights of `model`; on a GPU they are replayed from a CUDA graph.

    `seen` holds the sum of the losses and the number of the accepted updates; reading it synchronises with the GPU.
    """

    def __init__(
        self,
        model: TrajCast,
        pairs: Pairs,
        loss: Loss,
        settings: TrainingSettings,
        processes: Processes = SINGLE_PROCESS,
    ):
        self.loss, self.processes = loss, processes
        self.parameters = FlatParameters(model, settings)
        self.safeguard = Safeguard(self.parameters)
        self.seen = torch.zeros(2, dtype=torch.float64, device=model.device)
        self.replay: Callable[[NDArray[np.integer]], None] | None = None
        self.replayed = len(processes.share(np.arange(settings.batch_size)))  # samples in the graph
        self.use(pairs)

    def use(self, pairs: Pairs) -> None:
        """Draw the samples of all further updates from `pairs`."""
        self.batches, self.replay = Batches(pairs, self.parameters.model), None
        device = self.parameters.model.device
        if device.type != "cuda" or not self.replayed or self.batches.lists is None:
            return
        whole = self.processes.count == 1  # else record the gradient only, for the all-reduce
        state = self.parameters.optimizer.state_dict(), self.safeguard.state_dict(), self.parameters.averages, self.seen
        optimizer, safeguard, averages, seen = copy.deepcopy(state)
        self.parameters.rate.zero_()  # recording runs updates: zero rate leaves the weights unchanged
        self.replay = captured(self._update_padded if whole else self._differentiate_padded, self.replayed, device)
        self.parameters.optimizer.load_state_dict(optimizer)
        self.safeguard.load_state_dict(safeguard)
        self.parameters.averages.copy_(averages)
        self.seen.copy_(seen)

    def take(self, chosen: NDArray[np.integer], learning_rate: float, steps: int = 1) -> None:
        """Make one update.

        Args:
            chosen: Indices of the samples of the batch, the same in all processes.
            learning_rate: Rate before any reduction by the safeguard.
            steps: 2 to include a second step, see `FlatParameters.differentiate`; never from a CUDA graph.

        Raises:
            UserError: If training diverges, see `Safeguard.inspect`.
        """
        share = self.processes.share(chosen)
        self.parameters.rate.fill_(learning_rate * self.safeguard.rate_factor)
        replay = self.replay if len(share) == self.replayed and steps == 1 else None
        if replay is not None:
            replay(share)
        elif len(share):
            self.parameters.differentiate(self.batches.batch(share), self.loss, steps)
        else:
            self.parameters.gradient.zero_()
        if self.processes.count > 1:
            self.parameters.gradient *= len(share) / len(chosen)
            self.processes.all_reduce(self.parameters.gradient)
        if replay is None or self.processes.count > 1:
            self._step()
        self.safeguard.inspect()

    def _step(self) -> None:
        keep = self.safeguard.keep()
        self.parameters.step(keep)
        self.seen += torch.where(keep, torch.stack([self.parameters.loss.double(), torch.ones_like(self.seen[0])]), 0.0)

    def _differentiate_padded(self, chosen: torch.Tensor) -> None:
        self.parameters.differentiate(self.batches.padded(chosen), self.loss)

    def _update_padded(self, chosen: torch.Tensor) -> None:
        self._differentiate_padded(chosen)
        self._step()
