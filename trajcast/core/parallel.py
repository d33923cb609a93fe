"""Data-parallel processes started by `torchrun`."""

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
    """The rank of this process and the number of processes."""

    rank: int = 0
    count: int = 1

    @property
    def is_rank_zero(self) -> bool:
        """True for the process that writes files and messages."""
        return self.rank == 0

    def share(self, batch: NDArray) -> NDArray:
        """This process's part of a batch; it may be empty."""
        return batch[self.rank :: self.count]

    def all_reduce(self, tensor: Tensor) -> None:
        """Sum `tensor` over all processes in place."""
        if self.count > 1:
            dist.all_reduce(tensor)

    def broadcast(self, value: float) -> float:
        """Return the value of rank zero in every process."""
        if self.count == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)

    def barrier(self) -> None:
        """Block until all processes have reached this point."""
        self.all_reduce(torch.zeros(1))


SINGLE_PROCESS = Processes()


def local_device(name: str) -> str:
    """Resolve `cuda` to the GPU that torchrun assigns to this process; return any other name unchanged."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if name == "cuda" else name


def torchrun_processes() -> Processes:
    """The processes that torchrun started, from its environment variables; a single process without torchrun."""
    return Processes(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def process_group(processes: Processes, device: torch.device) -> Iterator[None]:
    """Connect the processes within the block: NCCL for GPUs, Gloo otherwise. No effect on a single process."""
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
