"""How fast a model rolls out: the rollout's steps without output, timed."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trajcast.config.settings import RolloutSettings
from trajcast.core.mechanics import thermal_velocities
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.progress import progress
from trajcast.io.provenance import provenance
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.rollout.burst import Bursts, next_length
from trajcast.rollout.outcome import Ending, first_alarm
from trajcast.rollout.ramp import targets
from trajcast.rollout.step import RolloutState, stepper
from trajcast.rollout.steps import plan

if TYPE_CHECKING:
    from jaxtyping import Float

WARM_UP = 5  # steps before the clock starts: compilation, CUDA graphs, neighbour lists that find their size


def measure_speed(
    model: TrajCast, settings: RolloutSettings, spec: SystemSpec, positions: Float[torch.Tensor, "atoms 3"]
) -> dict[str, Any]:
    """Time of the steps of `settings.duration_ps`, one system of `spec`, after some that are not counted.

    A system that the guard stops is computed on as long as it takes, standing still; the result says so.
    """
    steps = plan(settings, model.scales.horizon_fs).production
    run = _Run(model, settings, spec, positions)
    run.advance(WARM_UP)
    done, length, begin = 0, 1, time.perf_counter()
    last = begin
    with progress(f"speed, {spec.n_atoms} atoms", steps) as tick:
        while done < steps:
            count = min(length, steps - done)
            run.advance(count)
            done, now = done + count, time.perf_counter()
            length, last = next_length(count, now - last), now
            tick(count)
    wall_s = time.perf_counter() - begin
    horizon_fs, device = model.scales.horizon_fs, model.device
    return {
        "atoms": spec.n_atoms,
        "supercell": list(settings.supercell),
        "horizon_fs": horizon_fs,
        "steps": steps,
        "wall_s": wall_s,
        "ms_per_step": 1000 * wall_s / steps,
        "ns_per_day": steps * horizon_fs / (1000 * PS) / wall_s * 86400,
        "outcome": run.outcome,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "threads": torch.get_num_threads(),
        "backend": model.ops.__name__.rpartition(".")[2],
        "dtype": str(model.dtype).removeprefix("torch."),
        "parameters": sum(p.numel() for p in model.parameters()),
        "provenance": provenance("speed", asdict(settings)),
    }


class _Run:
    """One system on its way."""

    def __init__(self, model: TrajCast, settings: RolloutSettings, spec: SystemSpec, positions: torch.Tensor):
        self.settings, self.steps = settings, plan(settings, model.scales.horizon_fs)
        self.rng = torch.Generator().manual_seed(settings.seed)
        at_rest = spec.state(positions.numpy(), np.zeros(positions.shape))
        start = thermal_velocities(at_rest, settings.temperature_K, self.rng).to(device=model.device)
        self.bursts = Bursts(stepper(prepared(model), settings, start))
        self.rollout_state: RolloutState
        self.rollout_state, _ = self.bursts.begin(start, torch.tensor([True], device=model.device))
        self.done, self.outcome = 0, Ending.COMPLETED.value

    def advance(self, count: int) -> None:
        """So many steps, until their results are there."""
        device, stepper = self.rollout_state.active.device, self.bursts.stepper
        numbers = range(self.done + 1, self.done + count + 1)
        noise = torch.randn((count, 1, *stepper.noise_shape), generator=self.rng, dtype=torch.float64)
        targets_K = targets(self.settings, self.steps, numbers)
        every = self.settings.remove_com_motion_every
        burst = self.bursts.run(
            self.rollout_state,
            noise.to(device),
            targets_K.to(device),
            remove_com_motion=[number % every == 0 for number in numbers],
            kept=[False] * count,
        )
        self.rollout_state, self.done = burst.rollout_state, self.done + count
        rung = first_alarm(burst.readings, 0, self.settings.guard, targets_K / self.settings.temperature_K)
        if rung and self.outcome == Ending.COMPLETED.value:
            self.outcome = rung[1].ending.value
