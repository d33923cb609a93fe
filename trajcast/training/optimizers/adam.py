"""Adam with AMSGrad (Reddi, Kale & Kumar 2018, arXiv:1904.09237), as in the paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def make(vector: Tensor, gradient: Tensor, shapes: Sequence[torch.Size]) -> Adam:
    """Make an Adam optimizer; it acts on each weight separately and ignores `shapes`."""
    return Adam(vector, gradient, amsgrad=True)


class Adam:
    """The Adam of torch on one vector."""

    def __init__(self, vector: Tensor, gradient: Tensor, *, amsgrad: bool):
        vector.grad = gradient
        self.rate = torch.zeros((), device=vector.device)
        on_gpu = vector.device.type == "cuda"
        self.optimizer = torch.optim.Adam(
            [vector], lr=self.rate if on_gpu else 0.0, amsgrad=amsgrad, fused=True, capturable=on_gpu
        )
        self.skipped = torch.zeros((), device=vector.device)  # 1: the fused step changes nothing
        self.optimizer.found_inf = self.skipped  # type: ignore[attr-defined]
        self.step(self.rate, torch.zeros_like(self.skipped, dtype=torch.bool))  # creates the state
        (self.state,) = self.optimizer.state.values()

    def step(self, learning_rate: Tensor, keep: Tensor) -> None:
        """Update the weights if `keep` is true."""
        self.skipped.copy_(~keep)
        if self.optimizer.defaults["capturable"]:
            self.rate.copy_(learning_rate)
        else:
            self.optimizer.param_groups[0]["lr"] = float(learning_rate)
        self.optimizer.step()

    def forget(self) -> None:
        """Reset the state to that before the first update."""
        for tensor in self.state.values():
            tensor.zero_()

    def state_dict(self) -> dict[str, Any]:
        """The state of torch's Adam for the vector."""
        return dict(self.state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of another Adam."""
        for name, tensor in self.state.items():
            tensor.copy_(state[name])
