"""Roll-outs: one forward pass a step, conservation inside the model, a thermostat after it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Generator, Tensor

from trajcast import __version__
from trajcast.files import write_json
from trajcast.forecast.outcome import Alarm, Ending, check_distances, check_motion
from trajcast.forecast.steps import Plan, plan
from trajcast.mechanics import degrees_of_freedom, set_angular_momentum, thermal_velocities
from trajcast.model.network import TrajCast
from trajcast.modules import named_module
from trajcast.neighbors import Neighbors, find_neighbors
from trajcast.progress import progress
from trajcast.provenance import provenance
from trajcast.recorder import Recorder
from trajcast.settings import Forecast
from trajcast.state import State
from trajcast.trajectory import Topology
from trajcast.units import PS

if TYPE_CHECKING:
    from jaxtyping import Float

COMMIT_EVERY_S = 60.0


@dataclass(frozen=True)
class Forecaster:
    """A model with everything that a step needs; states are those of one topology."""

    model: TrajCast
    settings: Forecast
    degrees_of_freedom: Float[Tensor, " systems"]
    thermostat: Callable[..., State] | None

    def neighbors(self, state: State) -> Neighbors | Alarm:
        """The neighbours that a step from `state` needs; an alarm when atoms overlap."""
        found = find_neighbors(state, self.model.scales.cutoff)
        return check_distances(found, self.settings.guard) or found

    def step(self, state: State, neighbors: Neighbors, number: int, rng: Generator) -> tuple[State, Neighbors] | Alarm:
        """The state one horizon later with its neighbours, or why one can't go on from it; `number` counts from 1."""
        settings, horizon_fs = self.settings, self.model.scales.horizon_fs
        with torch.no_grad():
            predicted = self.model(state, neighbors)
        after = replace(state, positions=state.positions + predicted.displacement, velocities=predicted.velocity)
        if number % settings.zero_angular_momentum_every == 0:
            after = set_angular_momentum(after)
        if alarm := check_motion(after, self.degrees_of_freedom, settings.guard):
            return alarm
        found = self.neighbors(after)
        if isinstance(found, Alarm):
            return found
        if self.thermostat is not None:
            after = self.thermostat(
                after,
                temperature_K=settings.temperature_K,
                tau_fs=settings.tau_horizons * horizon_fs,
                interval_fs=horizon_fs,
                degrees_of_freedom=self.degrees_of_freedom,
                rng=rng,
            )
        return after, found


def forecaster(model: TrajCast, settings: Forecast, state: State) -> Forecaster:
    """The forecaster for systems like `state`; UserError for an unknown thermostat or element."""
    model.species_index(state.numbers)
    thermostat = named_module("thermostats", settings.thermostat).apply if settings.thermostat else None
    return Forecaster(model, settings, degrees_of_freedom(state), thermostat)


def roll_out(
    model: TrajCast,
    settings: Forecast,
    topology: Topology,
    positions: Float[Tensor, "atoms 3"],
    *,
    output: Path,
    outcome: Path,
    record: dict[str, Any],
) -> dict[str, Any]:
    """Roll out from `positions` with thermal velocities, into an H5MD file and a JSON outcome.

    A roll-out that the guard ends keeps its frames and says why in its outcome. `record` goes into the provenance and,
    together with settings and start, decides which interrupted run is continued. One process at a time: commands hold
    `files.sole_writer`.
    """
    device = model.bessel.roots.device
    rng = torch.Generator().manual_seed(settings.seed)
    start = topology.state(positions.numpy(), np.zeros(positions.shape)).to(device=device)
    steps = plan(settings, model.scales.horizon_fs)
    caster = forecaster(model, settings, start)
    identity = {"settings": asdict(settings), "start": _digest(start), "record": record, "version": __version__}
    recorder = Recorder(
        output,
        topology,
        identity=identity,
        provenance=provenance("forecast", asdict(settings), ensemble=_ensemble(settings), **record),
    )
    saved = recorder.restart()
    if saved is None:
        run = _Run(thermal_velocities(start, settings.temperature_K, rng), 0, 0.0)
        if steps.keeps(0):
            run.keep(recorder, 0.0)
    else:
        state = topology.state(saved["positions"], saved["velocities"]).to(device=device)
        run = _Run(state, int(saved["step"]), float(saved["wall_s"]))
        rng.set_state(torch.as_tensor(saved["rng"]))
    alarm = run.advance(caster, steps, recorder, rng)
    result = _outcome(caster, topology, steps, run, alarm)
    write_json(outcome, result)
    recorder.finish(outcome=result)
    return result


@dataclass
class _Run:
    """What changes during a roll-out."""

    state: State
    step: int  # steps done
    wall_s: float  # time they took, earlier processes included

    def keep(self, recorder: Recorder, time_fs: float) -> None:
        recorder.add(self.step, time_fs, self.state.positions.cpu().numpy(), self.state.velocities.cpu().numpy())

    def advance(self, caster: Forecaster, steps: Plan, recorder: Recorder, rng: Generator) -> Alarm | None:
        """Step to the end of the plan or to an alarm; every kept frame is committed when it returns."""
        horizon_fs = caster.model.scales.horizon_fs
        found = caster.neighbors(self.state)
        alarm = found if isinstance(found, Alarm) else None
        committed = last = time.monotonic()
        with progress(f"forecast at {horizon_fs:g} fs", steps.total, done=self.step) as tick:
            while self.step < steps.total and not isinstance(found, Alarm):
                after = caster.step(self.state, found, self.step + 1, rng)
                if isinstance(after, Alarm):
                    found = alarm = after
                else:
                    (self.state, found), self.step = after, self.step + 1
                    if steps.keeps(self.step):
                        self.keep(recorder, (self.step - steps.equilibration) * horizon_fs)
                    tick(1)
                now = time.monotonic()
                self.wall_s, last = self.wall_s + now - last, now
                if now - committed > COMMIT_EVERY_S and alarm is None:
                    self.commit(recorder, rng)
                    committed = now
        self.commit(recorder, rng)
        return alarm

    def commit(self, recorder: Recorder, rng: Generator) -> None:
        recorder.commit(
            {
                "positions": self.state.positions.cpu().numpy(),
                "velocities": self.state.velocities.cpu().numpy(),
                "step": self.step,
                "wall_s": self.wall_s,
                "rng": rng.get_state().numpy(),
            }
        )


def _outcome(caster: Forecaster, topology: Topology, steps: Plan, run: _Run, alarm: Alarm | None) -> dict[str, Any]:
    horizon_fs = caster.model.scales.horizon_fs
    produced = max(0, run.step - steps.equilibration)
    simulated_ns = run.step * horizon_fs / PS / 1000
    return {
        "outcome": alarm.ending.value if alarm else Ending.COMPLETED.value,
        "reason": alarm.reason if alarm else "",
        "step": run.step,
        "steps_planned": steps.total,
        "time_ps": produced * horizon_fs / PS,
        "planned_ps": steps.production * horizon_fs / PS,
        "equilibration_ps": steps.equilibration * horizon_fs / PS,
        "frames": steps.frames(run.step),
        "horizon_fs": horizon_fs,
        "wall_s": run.wall_s,
        "ns_per_day": simulated_ns / run.wall_s * 86400 if run.wall_s else None,
        "threads": torch.get_num_threads(),
        "device": str(caster.model.bessel.roots.device),
        "atoms": topology.n_atoms,
        "ensemble": _ensemble(caster.settings),
    }


def _ensemble(settings: Forecast) -> str:
    return f"NVT ({settings.thermostat.upper().replace('_', ' ')})" if settings.thermostat else "NVE"


def _digest(start: State) -> str:
    """Changes with any of the numbers that a roll-out starts from."""
    digest = hashlib.sha256()
    for tensor in (start.positions, start.masses, start.numbers, start.cell, start.periodic):
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
