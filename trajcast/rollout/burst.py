"""Bursts of rollout steps without synchronisation: results are read after the last step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core.neighbors.search import NeighborResult
from trajcast.core.state import State
from trajcast.rollout.cuda_graph import CapturedStep
from trajcast.rollout.rules.guard import Readings
from trajcast.rollout.step import Report, RolloutState, Stepper

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


BURST_S = 0.5  # target duration of one burst
BURST_STEPS = 100  # maximum number of steps


def next_length(steps: int, seconds: float) -> int:
    """Number of steps of the next burst, after one of `steps` that took `seconds`."""
    return max(1, min(BURST_STEPS, int(BURST_S * steps / seconds)))


@dataclass(frozen=True, slots=True)
class Burst:
    """Result of a burst: the last state on the device, everything else on the host."""

    rollout_state: RolloutState  # valid until the next burst
    readings: Readings  # after every step
    positions: Float[Tensor, "frames atoms 3"]  # Å, float32, of the frames kept
    velocities: Float[Tensor, "frames atoms 3"]  # Å/fs, float32


class Bursts:
    """Runs bursts; a burst that exceeds the neighbour capacity is repeated with a larger one."""

    def __init__(self, stepper: Stepper):
        self.stepper = stepper
        self._step: Callable[..., tuple[RolloutState, Report]] | None = None

    def begin(self, state: State, active: Bool[Tensor, " systems"]) -> tuple[RolloutState, NeighborResult]:
        """State to step from, with enough capacity for all neighbours; only `active` systems will move."""
        while True:
            rollout_state, result = self.stepper.begin(state, active)
            required_capacity, capacity = result.required_capacity.tolist(), self.stepper.search.capacity
            if all(n <= size for n, size in zip(required_capacity, capacity, strict=True)):
                return rollout_state, result
            self.stepper = replace(self.stepper, search=self.stepper.search.with_capacity(required_capacity))
            self._step = None

    def run(
        self,
        rollout_state: RolloutState,
        normals: Float[Tensor, "steps systems ..."],
        targets_K: Float[Tensor, " steps"],
        *,
        remove_com_motion: Sequence[bool],
        kept: Sequence[bool],
    ) -> Burst:
        """Run a burst.

        Args:
            normals: Normal random numbers of each step, as the thermostat needs them.
            targets_K: Target temperature of each step, K.
            remove_com_motion: Whether to remove COM motion, for each step.
            kept: Whether to keep a frame, for each step.
        """
        state, active = rollout_state.state, rollout_state.active.clone()
        state = replace(state, positions=state.positions.clone(), velocities=state.velocities.clone())
        while True:
            burst, required_capacity = self._run(rollout_state, normals, targets_K, remove_com_motion, kept)
            exceeding = [
                row
                for row in required_capacity
                if any(n > s for n, s in zip(row, self.stepper.search.capacity, strict=True))
            ]
            if not exceeding:
                return burst
            self.stepper = replace(self.stepper, search=self.stepper.search.with_capacity(exceeding[0]))
            self._step = None
            rollout_state, _ = self.begin(state, active)

    def _run(
        self,
        rollout_state: RolloutState,
        normals: Tensor,
        targets_K: Tensor,
        remove_com_motion: Sequence[bool],
        kept: Sequence[bool],
    ) -> tuple[Burst, list[list[int]]]:
        if self._step is None:
            on_cuda = normals.device.type == "cuda"
            self._step = (
                CapturedStep(self.stepper, rollout_state, normals[0], targets_K[0]) if on_cuda else self.stepper
            )
        reports: list[tuple[Tensor, ...]] = []
        frames: list[tuple[Tensor, Tensor]] = []
        for normal, target_K, remove, keep in zip(normals, targets_K, remove_com_motion, kept, strict=True):
            rollout_state, report = self._step(rollout_state, normal, target_K, remove_com_motion=remove)
            readings = report.readings
            values = readings.finite, readings.temperature, readings.closest, report.required_capacity
            reports.append(tuple(x.clone() for x in values))
            if keep:
                state = rollout_state.state
                frames.append((_single(state.positions), _single(state.velocities)))
        no_frames = torch.empty(0, rollout_state.state.n_atoms, 3)
        positions, velocities = (_on_host(x) for x in zip(*frames, strict=True)) if frames else (no_frames, no_frames)
        finite, temperature, closest, required_capacity = (torch.stack(x).cpu() for x in zip(*reports, strict=True))
        return Burst(
            rollout_state, Readings(finite, temperature, closest), positions, velocities
        ), required_capacity.tolist()


def _single(x: Tensor) -> Tensor:
    return x.to(torch.float32, copy=True)


def _on_host(frames: Sequence[Tensor]) -> Tensor:
    """Copy asynchronously to pinned memory; complete once any later copy to the host has finished."""
    stacked = torch.stack(list(frames))
    if stacked.device.type == "cpu":
        return stacked
    return torch.empty(stacked.shape, dtype=stacked.dtype, pin_memory=True).copy_(stacked, non_blocking=True)
