"""A step recorded as a CUDA graph: one launch replays its kernels, of which a small system needs hundreds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.rollout.step import Moment, Report, Stepper

if TYPE_CHECKING:
    from jaxtyping import Float

WARM_UP = 3  # steps before the recording, in which libraries set themselves up


class CapturedStep:
    """Steps as `stepper` does; each call overwrites the moment and the report that the last one returned."""

    def __init__(
        self, stepper: Stepper, moment: Moment, normal: Float[Tensor, "systems ..."], target_K: Float[Tensor, ""]
    ):
        self.stepper = stepper
        self._normal, self._target_K = normal.clone(), target_K.clone()
        neighbors = replace(
            moment.neighbors, index=moment.neighbors.index.clone(), vectors=moment.neighbors.vectors.clone()
        )
        state = replace(
            moment.state, positions=moment.state.positions.clone(), velocities=moment.state.velocities.clone()
        )
        self._moment = Moment(state, neighbors, moment.going.clone())
        self._graphs: dict[bool, tuple[torch.cuda.CUDAGraph, Report]] = {}

    def __call__(
        self, moment: Moment, normal: Float[Tensor, "systems ..."], target_K: Float[Tensor, ""], *, still: bool
    ) -> tuple[Moment, Report]:
        """The moment one horizon later."""
        if moment is not self._moment:
            _copy(moment, self._moment)
        self._normal.copy_(normal)
        self._target_K.copy_(target_K)
        if still not in self._graphs:
            with torch.cuda.device(normal.device):
                self._graphs[still] = self._capture(still)
        graph, report = self._graphs[still]
        graph.replay()
        return self._moment, report

    def _capture(self, still: bool) -> tuple[torch.cuda.CUDAGraph, Report]:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self.stepper(self._moment, self._normal, self._target_K, still=still)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            later, report = self.stepper(self._moment, self._normal, self._target_K, still=still)
            _copy(later, self._moment)
        return graph, report


def _copy(source: Moment, target: Moment) -> None:
    for old, new in zip(_changing(target), _changing(source), strict=True):
        old.copy_(new)


def _changing(moment: Moment) -> tuple[Tensor, ...]:
    state, neighbors = moment.state, moment.neighbors
    return state.positions, state.velocities, neighbors.index, neighbors.vectors, moment.going
