"""Speed of a model: timed rollout steps without output."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trajcast.config.settings import RolloutSettings
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.progress import progress
from trajcast.io.provenance import provenance
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.rollout.burst import Bursts, next_length
from trajcast.rollout.outcome import backend_name
from trajcast.rollout.replicas import Replica, replica_generator
from trajcast.rollout.reporters.nothing import Nothing
from trajcast.rollout.rules.guard import Ending
from trajcast.rollout.run import begin
from trajcast.rollout.step import stepper
from trajcast.rollout.steps import step_counts

if TYPE_CHECKING:
    from jaxtyping import Float

WARM_UP = 5  # steps before the clock starts: compilation, CUDA graphs, growth of the neighbour capacity


def measure_speed(
    model: TrajCast, settings: RolloutSettings, spec: SystemSpec, positions: Float[torch.Tensor, "atoms 3"]
) -> dict[str, Any]:
    """Time the steps of `settings.duration_ps` for one system, after a few warm-up steps.

    A system that the guard stops stays fixed but is computed to the end; `outcome` in the result says how it ended.
    """
    counts = replace(step_counts(settings, model.scales.horizon_fs), frame_every=0)
    at_rest = spec.state(positions.numpy(), np.zeros(positions.shape)).to(device=model.device)
    bursts = Bursts(stepper(prepared(model), settings, at_rest))
    reporter = Nothing("", spec, identity={}, provenance={})
    replica = Replica(reporter, Path(), replica_generator(settings.seed, 1))
    run, steps = begin(bursts, counts, [replica], at_rest, spec, thermal=True), counts.production
    run.run_burst(WARM_UP)
    done, length, started = 0, 1, time.perf_counter()
    last = started
    with progress(f"speed, {spec.n_atoms} atoms", steps) as tick:
        while done < steps:
            count = min(length, steps - done)
            run.run_burst(count)
            done, now = done + count, time.perf_counter()
            length, last = next_length(count, now - last), now
            tick(count)
    wall_s = time.perf_counter() - started
    horizon_fs, device = model.scales.horizon_fs, model.device
    return {
        "atoms": spec.n_atoms,
        "supercell": list(settings.supercell),
        "horizon_fs": horizon_fs,
        "steps": steps,
        "wall_s": wall_s,
        "ms_per_step": 1000 * wall_s / steps,
        "ns_per_day": steps * horizon_fs / (1000 * PS) / wall_s * 86400,
        "outcome": (replica.alarm.ending if replica.alarm else Ending.COMPLETED).value,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "threads": torch.get_num_threads(),
        "backend": backend_name(model),
        "dtype": str(model.dtype).removeprefix("torch."),
        "parameters": sum(p.numel() for p in model.parameters()),
        "provenance": provenance("speed", asdict(settings)),
    }
