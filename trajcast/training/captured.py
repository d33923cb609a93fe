"""CUDA graphs: GPU work recorded once and replayed without Python overhead."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WARM_UPS = 3  # calls before recording, in which libraries initialise
log = logging.getLogger(__name__)


def captured(
    compute: Callable[[Tensor], None], size: int, device: torch.device
) -> Callable[[NDArray[np.integer]], None] | None:
    """Record `compute` for any `size` samples as a CUDA graph.

    Args:
        compute: Takes sample indices on the device. It must always run the same operations on tensors of the same
            shapes, never synchronise with the GPU, and write its results to existing tensors.
        size: Number of samples.
        device: A GPU.

    Returns:
        A function that replays the graph for the given sample indices; None, after a warning, if recording fails.
    """
    chosen = torch.zeros(size, dtype=torch.long, device=device)
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(device)
    try:
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                compute(chosen)
        torch.cuda.current_stream(device).wait_stream(stream)
        with torch.cuda.graph(graph, stream=stream):
            compute(chosen)
    except RuntimeError as error:
        log.warning("updates run without a CUDA graph, several times slower: %s", str(error).splitlines()[0])
        return None

    def replay(samples: NDArray[np.integer]) -> None:
        chosen.copy_(torch.as_tensor(samples), non_blocking=True)
        graph.replay()

    return replay
