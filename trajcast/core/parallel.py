"""Several processes that work on one thing, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Processes:
    """How many there are, and which of them this one is."""

    rank: int = 0
    count: int = 1

    @property
    def is_rank_zero(self) -> bool:
        """True for the one that writes files and messages."""
        return self.rank == 0

    def share(self, batch: NDArray) -> NDArray:
        """The part of a batch that this one takes; it may be empty."""
        return batch[self.rank :: self.count]

    def all_reduce(self, tensor: Tensor) -> None:
        """Replace `tensor` in every process by the sum over all."""
        if self.count > 1:
            dist.all_reduce(tensor)

    def broadcast(self, value: float) -> float:
        """The first process's value; every process waits for it."""
        if self.count == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)

    def barrier(self) -> None:
        """Return when all processes have come here."""
        self.all_reduce(torch.zeros(1))


SINGLE_PROCESS = Processes()


def local_device(name: str) -> str:
    """`cuda` as the GPU that torchrun means for this process; any other name as it is."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if name == "cuda" else name


def torchrun_processes() -> Processes:
    """Those that torchrun has started, from the environment that it gives them; without it this one alone."""
    return Processes(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def process_group(processes: Processes, device: torch.device) -> Iterator[None]:
    """Let the processes talk: through NCCL between GPUs, else Gloo. One alone has no need to."""
    if processes.count == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()
