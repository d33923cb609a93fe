"""A rollout in progress: replicas that advance together in bursts of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trajcast.core.mechanics import thermal_velocities
from trajcast.core.state import State, join
from trajcast.core.system_spec import SystemSpec
from trajcast.rollout.burst import Bursts
from trajcast.rollout.ramp import targets
from trajcast.rollout.replicas import Replica, common_restart
from trajcast.rollout.rules.guard import distance_alarm, first_alarm
from trajcast.rollout.step import RolloutState
from trajcast.rollout.steps import StepCounts


@dataclass
class RolloutRun:
    """All replicas and the steps completed so far."""

    bursts: Bursts
    counts: StepCounts
    replicas: Sequence[Replica]
    rollout_state: RolloutState
    step: int  # steps completed by the replicas that the guard has not stopped

    @property
    def active(self) -> list[Replica]:
        """Replicas that the guard has not stopped."""
        return [replica for replica in self.replicas if replica.alarm is None]

    def run_burst(self, count: int) -> None:
        """Advance all replicas by `count` steps and keep their frames up to a violation of the guard."""
        stepper, active = self.bursts.stepper, self.active
        numbers = range(self.step + 1, self.step + count + 1)
        noise = torch.stack([replica.noise(count, stepper.noise_shape) for replica in self.replicas], dim=1)
        targets_K = targets(stepper.settings, self.counts, numbers)
        device, every = self.rollout_state.active.device, stepper.settings.remove_com_motion_every
        burst = self.bursts.run(
            self.rollout_state,
            noise.to(device),
            targets_K.to(device),
            remove_com_motion=[number % every == 0 for number in numbers],
            kept=[self.counts.keeps(number) for number in numbers],
        )
        self.rollout_state, self.step = burst.rollout_state, numbers[-1]
        guard, ratios = stepper.settings.guard, targets_K / stepper.settings.temperature_K
        for system, replica in enumerate(self.replicas):
            if replica.alarm is not None:
                continue
            replica.steps = self.step
            if violation := first_alarm(burst.readings, system, guard, ratios):
                replica.steps, replica.alarm = numbers[0] + violation[0] - 1, violation[1]
        frames = [number for number in numbers if self.counts.keeps(number)]
        for number, positions, velocities in zip(frames, burst.positions, burst.velocities, strict=True):
            self.keep(number, positions, velocities, active)

    def keep(self, number: int, positions: Tensor, velocities: Tensor, active: Sequence[Replica]) -> None:
        """Record the frames after one step, for the replicas that reached it."""
        time_fs = (number - self.counts.equilibration) * self.bursts.stepper.model.scales.horizon_fs
        for replica, r, v in zip(self.replicas, *self._parts(positions, velocities), strict=True):
            if replica in active and replica.steps >= number:
                replica.reporter.add(number, time_fs, r.numpy(), v.numpy())

    def restarts(self) -> list[dict[str, Any]]:
        """Restart data of each replica at the present step."""
        parts = self._parts(self.rollout_state.state.positions.cpu(), self.rollout_state.state.velocities.cpu())
        return [
            replica.restart_data(r.numpy(), v.numpy(), self.step)
            for replica, r, v in zip(self.replicas, *parts, strict=True)
        ]

    def _parts(self, *values: Tensor) -> list[tuple[Tensor, ...]]:
        return [x.chunk(len(self.replicas)) for x in values]


def begin(
    bursts: Bursts, counts: StepCounts, replicas: Sequence[Replica], start: State, spec: SystemSpec, *, thermal: bool
) -> RolloutRun:
    """Begin at `start`, with its own or (`thermal`) drawn velocities, or resume an interrupted run."""
    device, settings = start.positions.device, bursts.stepper.settings
    saved = common_restart([replica.reporter for replica in replicas])
    if saved is None:
        drawn = [thermal_velocities(start, settings.temperature_K, r.rng) if thermal else start for r in replicas]
        state = join(drawn)
    else:
        for replica, data in zip(replicas, saved, strict=True):
            replica.go_on(data)
        state = join([spec.state(data["positions"], data["velocities"]) for data in saved]).to(device=device)
    active = torch.tensor([replica.alarm is None for replica in replicas], device=device)
    rollout_state, result = bursts.begin(state, active)
    run = RolloutRun(bursts, counts, replicas, rollout_state, int(saved[0]["step"]) if saved else 0)
    if saved is None:
        if counts.keeps(0):
            run.keep(0, state.positions.cpu(), state.velocities.cpu(), replicas)
        for replica, closest in zip(replicas, result.closest.tolist(), strict=True):
            replica.alarm = distance_alarm(closest, settings.guard)
    return run
