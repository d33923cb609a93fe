"""One update of the weights after another, each along the gradient of a batch that all processes share."""

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
from trajcast.training.loss import Loss
from trajcast.training.safeguard import Safeguard
from trajcast.training.weights import Weights


class Updates:
    """Updates of the weights of `model`. On a GPU they are played back from a CUDA graph, recorded here.

    `seen` adds up the losses of all batches that were kept, and their number, on the device: reading waits for a GPU.
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
        self.weights = Weights(model, settings)
        self.safeguard = Safeguard(self.weights)
        self.seen = torch.zeros(2, dtype=torch.float64, device=model.device)
        self.replay: Callable[[NDArray[np.integer]], None] | None = None
        self.replayed = len(processes.share(np.arange(settings.batch_size)))  # samples
        self.use(pairs)

    def use(self, pairs: Pairs) -> None:
        """Take the samples of updates from `pairs` from now on."""
        self.batches, self.replay = Batches(pairs, self.weights.model), None
        device = self.weights.model.device
        if device.type != "cuda" or not self.replayed or self.batches.lists is None:
            return
        whole = self.processes.count == 1  # else the gradient alone, which the processes then add up
        kept = self.weights.optimizer.state_dict(), self.safeguard.state_dict(), self.weights.averages, self.seen
        optimizer, safeguard, averages, seen = copy.deepcopy(kept)
        self.weights.rate.zero_()  # to record an update is to make some
        self.replay = captured(self._update_padded if whole else self._differentiate_padded, self.replayed, device)
        self.weights.optimizer.load_state_dict(optimizer)
        self.safeguard.load_state_dict(safeguard)
        self.weights.averages.copy_(averages)
        self.seen.copy_(seen)

    def take(self, chosen: NDArray[np.integer], learning_rate: float, steps: int = 1) -> None:
        """One update with the samples `chosen`, the same in all processes; UserError where none does any good.

        `steps`: see `Weights.differentiate`; a CUDA graph takes one alone.
        """
        own = self.processes.share(chosen)
        self.weights.rate.fill_(learning_rate * self.safeguard.slowed)
        replay = self.replay if len(own) == self.replayed and steps == 1 else None
        if replay is not None:
            replay(own)
        elif len(own):
            self.weights.differentiate(self.batches.batch(own), self.loss, steps)
        else:
            self.weights.gradient.zero_()
        if self.processes.count > 1:
            self.weights.gradient *= len(own) / len(chosen)
            self.processes.all_reduce(self.weights.gradient)
        if replay is None or self.processes.count > 1:
            self._step()
        self.safeguard.look()

    def _step(self) -> None:
        keep = self.safeguard.keep()
        self.weights.step(keep)
        self.seen += torch.where(keep, torch.stack([self.weights.loss.double(), torch.ones_like(self.seen[0])]), 0.0)

    def _differentiate_padded(self, chosen: torch.Tensor) -> None:
        self.weights.differentiate(self.batches.padded(chosen), self.loss)

    def _update_padded(self, chosen: torch.Tensor) -> None:
        self._differentiate_padded(chosen)
        self._step()
