"""Rollout steps as CUDA graphs: a single launch replays the hundreds of short kernels of a step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.rollout.step import Report, RolloutState, Stepper

if TYPE_CHECKING:
    from jaxtyping import Float

WARM_UP = 3  # steps before the capture, in which libraries initialise


class CapturedStep:
    """`stepper` as a CUDA graph; each call overwrites the state and report returned by the previous call."""

    def __init__(
        self,
        stepper: Stepper,
        rollout_state: RolloutState,
        normal: Float[Tensor, "systems ..."],
        target_K: Float[Tensor, ""],
    ):
        self.stepper = stepper
        self._normal, self._target_K = normal.clone(), target_K.clone()
        neighbors = replace(
            rollout_state.neighbors,
            index=rollout_state.neighbors.index.clone(),
            vectors=rollout_state.neighbors.vectors.clone(),
        )
        state = replace(
            rollout_state.state,
            positions=rollout_state.state.positions.clone(),
            velocities=rollout_state.state.velocities.clone(),
        )
        self._rollout_state = RolloutState(state, neighbors, rollout_state.active.clone())
        self._graphs: dict[bool, tuple[torch.cuda.CUDAGraph, Report]] = {}

    def __call__(
        self,
        rollout_state: RolloutState,
        normal: Float[Tensor, "systems ..."],
        target_K: Float[Tensor, ""],
        *,
        remove_com_motion: bool,
    ) -> tuple[RolloutState, Report]:
        """State one horizon later."""
        if rollout_state is not self._rollout_state:
            _copy(rollout_state, self._rollout_state)
        self._normal.copy_(normal)
        self._target_K.copy_(target_K)
        if remove_com_motion not in self._graphs:
            with torch.cuda.device(normal.device):
                self._graphs[remove_com_motion] = self._capture(remove_com_motion)
        graph, report = self._graphs[remove_com_motion]
        graph.replay()
        return self._rollout_state, report

    def _capture(self, remove_com_motion: bool) -> tuple[torch.cuda.CUDAGraph, Report]:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self.stepper(self._rollout_state, self._normal, self._target_K, remove_com_motion=remove_com_motion)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            later, report = self.stepper(
                self._rollout_state, self._normal, self._target_K, remove_com_motion=remove_com_motion
            )
            _copy(later, self._rollout_state)
        return graph, report


def _copy(source: RolloutState, target: RolloutState) -> None:
    for old, new in zip(_changing(target), _changing(source), strict=True):
        old.copy_(new)


def _changing(rollout_state: RolloutState) -> tuple[Tensor, ...]:
    state, neighbors = rollout_state.state, rollout_state.neighbors
    return state.positions, state.velocities, neighbors.index, neighbors.vectors, rollout_state.active
