"""A rollout within a time budget, with its outcomes and temperatures."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.config.settings import GuardSettings, RolloutSettings
from trajcast.core.units import BOLTZMANN, KINETIC, PS
from trajcast.data.dataset import Dataset
from trajcast.io.files import numbered
from trajcast.io.trajectory import Trajectory
from trajcast.model.network import TrajCast
from trajcast.rollout.loop import run_rollout

TEMPERATURE_K = 300.0
FEW_STEPS, MORE_STEPS = 50, 1000  # lengths of two trials that measure the speed
TRIAL = 0.1  # largest fraction of the time that the first trial may take for a second to follow
SHORTEST_S = 1e-3  # smallest time difference of the trials
LONGEST_NS = 7.0  # as in the paper for paracetamol
FRAMES = 2000  # per replica, approximately
ATOMS = 192  # in all replicas together, approximately
WINDOWS = 20  # number of time windows over which temperatures are averaged
USED = 0.8  # fraction of the remaining time, as a safety margin


def rollout_until(until: float, model: TrajCast, dataset: Dataset, work: Path) -> dict[str, Any]:
    """Roll out replicas at constant temperature from the first test structure until `until` (`time.monotonic`)."""
    whole_s = until - time.monotonic()

    def trial_s(steps: int) -> float:
        begin = time.monotonic()
        _rollout(model, dataset, work / "trial.h5md", steps)
        return time.monotonic() - begin

    start_s = trial_s(FEW_STEPS)  # mostly start-up
    step_s = start_s / FEW_STEPS
    if start_s < TRIAL * whole_s:
        step_s = min(step_s, max(trial_s(MORE_STEPS) - start_s, SHORTEST_S) / MORE_STEPS)
    longest = int(LONGEST_NS * 1000 * PS / dataset.horizon_fs)
    steps = max(FEW_STEPS, min(longest, int(USED * (until - time.monotonic() - start_s) / step_s)))
    outcomes = _rollout(model, dataset, work / "rollout.h5md", steps)
    paths = [numbered(work / "rollout.h5md", number) for number in range(1, len(outcomes) + 1)]
    return {"replicas": outcomes, **_temperatures(paths, dataset)}


def _rollout(model: TrajCast, dataset: Dataset, output: Path, steps: int) -> list[dict[str, Any]]:
    every = max(1, steps // FRAMES)
    production = max(1, round(0.9 * steps / every)) * every
    settings = RolloutSettings(
        duration_ps=production * dataset.horizon_fs / PS,
        equilibration_ps=max(0, steps - production) * dataset.horizon_fs / PS,
        frame_every=every,
        temperature_K=TEMPERATURE_K,
        seed=1,
        replicas=max(1, ATOMS // dataset.spec.n_atoms),
        guard=GuardSettings(min_temperature_K=30.0, max_temperature_K=1500.0, min_distance_A=0.5),
    )
    start = torch.as_tensor(dataset.split("test").positions[0]).double()
    outcome = output.with_suffix(".json")
    weights = torch.cat([x.flatten().cpu() for x in model.state_dict().values()])
    record = {"weights": hashlib.sha256(weights.numpy().tobytes()).hexdigest(), "backend": model.backend}
    return run_rollout(model, settings, dataset.spec, start, output=output, outcome=outcome, record=record)


def _temperatures(paths: Sequence[Path], dataset: Dataset) -> dict[str, Any]:
    """Kinetic temperature of each element, with 3 degrees of freedom per atom, and that of the test data.

    Conserved momenta remove degrees of freedom, more of them from heavy elements: compare with the data, not with the
    target temperature.
    """
    times, velocities = [], []
    for path in paths:
        with Trajectory(path) as trajectory:
            times.append(trajectory.times)
            velocities.append(trajectory.velocities[()])
    time_fs, velocity = np.concatenate(times), np.concatenate(velocities)
    order = np.argsort(time_fs, kind="stable")
    windows = [part for part in np.array_split(order, WINDOWS) if len(part)]
    return {
        "temperature_K_of_data": _by_element(dataset.split("test").velocities, dataset),
        "temperature_K": [_by_element(velocity[part], dataset) for part in windows],
        "temperature_time_ps": [float(time_fs[part].mean()) / PS for part in windows],
    }


def _by_element(velocities: NDArray[np.float32], dataset: Dataset) -> dict[str, float]:
    numbers, masses = dataset.spec.numbers, dataset.spec.masses
    twice_kinetic = KINETIC * masses * (velocities.astype(np.float64) ** 2).sum(-1)
    return {str(z): float(twice_kinetic[:, numbers == z].mean() / (3 * BOLTZMANN)) for z in np.unique(numbers)}
