"""One update of the weights after another, each along the gradient of a batch that all processes share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.data.dataset import Pairs
from trajcast.model.network import TrajCast
from trajcast.parallel import ALONE, Processes
from trajcast.settings import Training
from trajcast.training.batches import Batches
from trajcast.training.captured import captured
from trajcast.training.loss import Loss
from trajcast.training.weights import Weights


class Updates:
    """Adam on the weights of `model`. On a GPU gradients are played back from a CUDA graph, recorded here.

    `loss_sum` adds up the losses of all batches, on the device: reading it waits for the GPU.
    """

    def __init__(self, model: TrajCast, pairs: Pairs, loss: Loss, settings: Training, processes: Processes = ALONE):
        self.loss, self.processes = loss, processes
        self.weights, self.batches = Weights(model, settings), Batches(pairs, model)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=model.device)
        self.replay: Callable[[NDArray[np.integer]], None] | None = None
        self.replayed = len(processes.share(np.arange(settings.batch_size)))  # samples
        if model.device.type == "cuda" and self.replayed and self.batches.lists is not None:
            self.replay = captured(self._differentiate_padded, self.replayed, model.device)

    def take(self, chosen: NDArray[np.integer], learning_rate: float) -> None:
        """One update with the samples `chosen`, the same in all processes."""
        own = self.processes.share(chosen)
        if self.replay is not None and len(own) == self.replayed:
            self.replay(own)
        elif len(own):
            self.weights.differentiate(self.batches.batch(own), self.loss)
        else:
            self.weights.gradient.zero_()
        if self.processes.count > 1:
            self.weights.gradient *= len(own) / len(chosen)
            self.processes.add_up(self.weights.gradient)
        self.loss_sum += self.weights.loss
        self.weights.step(learning_rate)

    def _differentiate_padded(self, chosen: torch.Tensor) -> None:
        self.weights.differentiate(self.batches.padded(chosen), self.loss)
