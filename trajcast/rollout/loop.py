"""Rollouts: one forward pass a step, conservation inside the model, a thermostat after it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from trajcast import __version__
from trajcast.config.settings import RolloutSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import thermal_velocities
from trajcast.core.state import State, join
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.files import numbered, write_json
from trajcast.io.progress import progress
from trajcast.io.provenance import provenance
from trajcast.io.recorder import Recorder, remove_segments
from trajcast.io.stopping import Stopped, watched
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.rollout.burst import Bursts, next_length
from trajcast.rollout.outcome import Ending, distance_alarm, first_alarm
from trajcast.rollout.ramp import targets
from trajcast.rollout.replicas import Replica, common_restart, finished, replica_generator
from trajcast.rollout.step import RolloutState, stepper
from trajcast.rollout.steps import Plan, plan
from trajcast.rollout.writer import Writer

if TYPE_CHECKING:
    from jaxtyping import Float

COMMIT_EVERY_S = 60.0


def run_rollout(
    model: TrajCast,
    settings: RolloutSettings,
    spec: SystemSpec,
    positions: Float[Tensor, "atoms 3"],
    *,
    output: Path,
    outcome: Path,
    record: dict[str, Any],
    velocities: Float[Tensor, "atoms 3"] | None = None,
    recorder_type: type[Recorder] = Recorder,
) -> list[dict[str, Any]]:
    """Roll out from `positions` and `velocities`, thermal ones without; an H5MD file and a JSON outcome a replica.

    Returns the outcomes. A rollout that the guard ends keeps its frames and says why in its outcome. `record` goes
    into the provenance and, together with settings and start, decides which interrupted run is continued. One process
    at a time: commands hold `files.exclusive_lock`.
    """
    if not torch.isfinite(positions).all():
        raise UserError("rollout: a position of the start is not a finite number; start from another trajectory")
    device = model.device
    given = torch.zeros_like(positions) if velocities is None else velocities
    start = spec.state(positions.numpy(), given.numpy()).to(device=device)
    steps = plan(settings, model.scales.horizon_fs)
    bursts = Bursts(stepper(prepared(model), settings, join([start] * settings.replicas)))
    logging.info("backend %s on %s", _backend(model), device)
    identity = {"settings": asdict(settings), "start": _digest(start), "record": record, "version": __version__}
    origin = provenance("rollout", asdict(settings), ensemble=_ensemble(settings), **record)
    replicas = []
    for number in range(1, settings.replicas + 1):
        recorder = recorder_type(
            numbered(output, number),
            spec,
            identity=identity | {"replica": number},
            provenance=origin | {"replica": number},
        )
        rng = replica_generator(settings.seed, number)
        replicas.append(Replica(recorder, numbered(outcome, number), rng))
    if results := finished(replicas):
        logging.info("%s: finished already; remove it to roll out again", output)
        return results
    run = _begin(bursts, steps, replicas, start, spec, thermal=velocities is None)
    run.advance()
    results = [_outcome(model, settings, steps, replica) for replica in replicas]
    for replica, result in zip(replicas, results, strict=True):
        write_json(replica.outcome, result)
        replica.recorder.join(outcome=result)
    for replica in replicas:  # only now: before, a kill must find the segments of all of them
        remove_segments(replica.recorder.path)
    return results


@dataclass
class _Run:
    """All replicas on their way through the steps of the plan."""

    bursts: Bursts
    plan: Plan
    replicas: Sequence[Replica]
    rollout_state: RolloutState
    step: int  # steps done, by replicas that the guard did not stop

    @property
    def active(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.alarm is None]

    def advance(self) -> None:
        """Step to the end of the plan or until the guard has stopped every replica; then all is committed."""
        horizon_fs, length = self.bursts.stepper.model.scales.horizon_fs, 1
        committed = last = time.monotonic()
        with (
            watched() as time_is_up,
            Writer([replica.recorder for replica in self.replicas]) as writer,
            progress(f"rollout at {horizon_fs:g} fs", self.plan.total, done=self.step) as tick,
        ):
            while self.step < self.plan.total and self.active:
                count, active = min(length, self.plan.total - self.step), self.active
                self.run_burst(count)
                now = time.monotonic()
                for replica in active:
                    replica.wall_s += now - last
                length = next_length(count, now - last)
                last = now
                tick(count)
                writer.check()
                reason = time_is_up()
                if reason or now - committed > COMMIT_EVERY_S:
                    writer.commit(self.restarts())
                    committed = now
                if reason and self.step < self.plan.total:
                    writer.wait()
                    raise Stopped(f"{reason}; saved after step {self.step} of {self.plan.total}")
            writer.commit(self.restarts())

    def run_burst(self, count: int) -> None:
        """Some steps of all replicas: stop those whose guard rings, keep the frames before that."""
        stepper, active = self.bursts.stepper, self.active
        numbers = range(self.step + 1, self.step + count + 1)
        noise = torch.stack([replica.noise(count, stepper.noise_shape) for replica in self.replicas], dim=1)
        targets_K = targets(stepper.settings, self.plan, numbers)
        device, every = self.rollout_state.active.device, stepper.settings.remove_com_motion_every
        burst = self.bursts.run(
            self.rollout_state,
            noise.to(device),
            targets_K.to(device),
            remove_com_motion=[number % every == 0 for number in numbers],
            kept=[self.plan.keeps(number) for number in numbers],
        )
        self.rollout_state, self.step = burst.rollout_state, numbers[-1]
        guard, ratios = stepper.settings.guard, targets_K / stepper.settings.temperature_K
        for system, replica in enumerate(self.replicas):
            if replica.alarm is not None:
                continue
            replica.steps = self.step
            if rung := first_alarm(burst.readings, system, guard, ratios):
                replica.steps, replica.alarm = numbers[0] + rung[0] - 1, rung[1]
        frames = [number for number in numbers if self.plan.keeps(number)]
        for number, positions, velocities in zip(frames, burst.positions, burst.velocities, strict=True):
            self.keep(number, positions, velocities, active)

    def keep(self, number: int, positions: Tensor, velocities: Tensor, active: Sequence[Replica]) -> None:
        """The frames after one step, of replicas that came so far."""
        time_fs = (number - self.plan.equilibration) * self.bursts.stepper.model.scales.horizon_fs
        for replica, r, v in zip(self.replicas, *self._parts(positions, velocities), strict=True):
            if replica in active and replica.steps >= number:
                replica.recorder.add(number, time_fs, r.numpy(), v.numpy())

    def restarts(self) -> list[dict[str, Any]]:
        """What each replica needs to go on from here."""
        parts = self._parts(self.rollout_state.state.positions.cpu(), self.rollout_state.state.velocities.cpu())
        return [
            replica.restart_data(r.numpy(), v.numpy(), self.step)
            for replica, r, v in zip(self.replicas, *parts, strict=True)
        ]

    def _parts(self, *values: Tensor) -> list[tuple[Tensor, ...]]:
        return [x.chunk(len(self.replicas)) for x in values]


def _begin(
    bursts: Bursts, steps: Plan, replicas: Sequence[Replica], start: State, spec: SystemSpec, *, thermal: bool
) -> _Run:
    """Set out from the start, with `thermal` velocities or its own, or go on where an interrupted run was."""
    device, settings = start.positions.device, bursts.stepper.settings
    saved = common_restart([replica.recorder for replica in replicas])
    if saved is None:
        drawn = [thermal_velocities(start, settings.temperature_K, r.rng) if thermal else start for r in replicas]
        state = join(drawn)
    else:
        for replica, data in zip(replicas, saved, strict=True):
            replica.go_on(data)
        state = join([spec.state(data["positions"], data["velocities"]) for data in saved]).to(device=device)
    active = torch.tensor([replica.alarm is None for replica in replicas], device=device)
    rollout_state, result = bursts.begin(state, active)
    run = _Run(bursts, steps, replicas, rollout_state, int(saved[0]["step"]) if saved else 0)
    if saved is None:
        if steps.keeps(0):
            run.keep(0, state.positions.cpu(), state.velocities.cpu(), replicas)
        for replica, closest in zip(replicas, result.closest.tolist(), strict=True):
            replica.alarm = distance_alarm(closest, settings.guard)
    return run


def _outcome(model: TrajCast, settings: RolloutSettings, steps: Plan, replica: Replica) -> dict[str, Any]:
    horizon_fs, alarm = model.scales.horizon_fs, replica.alarm
    produced = max(0, replica.steps - steps.equilibration)
    simulated_ns = replica.steps * horizon_fs / PS / 1000
    return {
        "outcome": alarm.ending.value if alarm else Ending.COMPLETED.value,
        "reason": alarm.reason if alarm else "",
        "step": replica.steps,
        "steps_planned": steps.total,
        "time_ps": produced * horizon_fs / PS,
        "planned_ps": steps.production * horizon_fs / PS,
        "equilibration_ps": steps.equilibration * horizon_fs / PS,
        "frames": steps.frames(replica.steps),
        "horizon_fs": horizon_fs,
        "wall_s": replica.wall_s,
        "ns_per_day": simulated_ns / replica.wall_s * 86400 if replica.wall_s else None,
        "threads": torch.get_num_threads(),
        "device": str(model.device),
        "backend": _backend(model),
        "replicas": settings.replicas,
        "atoms": replica.recorder.spec.n_atoms,
        "ensemble": _ensemble(settings),
        "identity": replica.recorder.identity,
    }


def _backend(model: TrajCast) -> str:
    return model.ops.__name__.rpartition(".")[2]


def _ensemble(settings: RolloutSettings) -> str:
    if settings.thermostat is None:
        return "NVE"
    ramp = "" if settings.final_temperature_K is None else f", to {settings.final_temperature_K:g} K"
    return f"NVT ({settings.thermostat.upper().replace('_', ' ')}{ramp})"


def _digest(start: State) -> str:
    """Changes with any of the numbers that a rollout starts from."""
    digest = hashlib.sha256()
    for tensor in (start.positions, start.velocities, start.masses, start.numbers, start.cell, start.pbc):
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
