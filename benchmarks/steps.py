"""The steps that are timed, of a rollout or of training, run as by the rollout and the training loop."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch

from benchmarks.cases import TEMPERATURE_K, Case, state
from trajcast.config.settings import GuardSettings, RolloutSettings, TrainingSettings
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.system_spec import spec_of
from trajcast.data.dataset import Pairs
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.rollout.burst import Bursts
from trajcast.rollout.rules.guard import first_alarm
from trajcast.rollout.step import RolloutState, stepper
from trajcast.training.batches import Batches
from trajcast.training.loss import Loss
from trajcast.training.updates import Updates

BATCHES = 4  # in the training set, with different numbers of edges
LEARNING_RATE = 1e-4
GUARD = GuardSettings(min_temperature_K=0.0, max_temperature_K=1e5, min_distance_A=0.1)


class Run(Protocol):
    """Steps of one model."""

    atoms: int  # of one system
    edges: int  # of one system
    batch: int  # systems per step

    def advance(self, steps: int) -> None:
        """Run `steps` steps; the first call includes the set-up.

        Raises:
            RuntimeError: If a value is not finite.
        """


class RolloutRun:
    """A rollout at constant temperature: network, conservation, thermostat, guard, neighbours."""

    batch = 1

    def __init__(self, model: TrajCast, case: Case):
        self.model, self.start = model, state(case).to(device=model.device)
        self.atoms, self.edges = self.start.n_atoms, len(find_neighbors(self.start, case.cutoff).index)
        self.settings = RolloutSettings(
            duration_ps=1.0,
            equilibration_ps=0.0,
            temperature_K=TEMPERATURE_K,
            tau_horizons=case.tau_horizons,
            seed=1,
            guard=GUARD,
        )
        self.rng = torch.Generator().manual_seed(self.settings.seed)
        self.done = 0
        self.bursts: Bursts | None = None
        self.rollout_state: RolloutState | None = None

    def advance(self, steps: int) -> None:
        device = self.start.positions.device
        if self.bursts is None or self.rollout_state is None:
            self.bursts = Bursts(stepper(prepared(self.model), self.settings, self.start))
            self.rollout_state, _ = self.bursts.begin(self.start, torch.tensor([True], device=device))
        every = self.settings.remove_com_motion_every
        numbers = range(self.done + 1, self.done + steps + 1)
        noise = torch.randn((steps, 1, *self.bursts.stepper.noise_shape), generator=self.rng, dtype=torch.float64)
        burst = self.bursts.run(
            self.rollout_state,
            noise.to(device),
            torch.full((steps,), TEMPERATURE_K, dtype=torch.float64, device=device),
            remove_com_motion=[number % every == 0 for number in numbers],
            kept=[False] * steps,
        )
        self.rollout_state, self.done = burst.rollout_state, self.done + steps
        if alarm := first_alarm(burst.readings, 0, GUARD, torch.ones(steps)):
            raise RuntimeError(f"the rollout ended: {alarm[1].reason}")


class TrainingRun:
    """Training updates on a small data set."""

    def __init__(self, model: TrajCast, case: Case):
        self.model, self.batch, self.samples = model, case.batch, pairs(case, BATCHES * case.batch)
        first = Batches(self.samples, model).batch(np.arange(case.batch))
        self.atoms, self.edges = self.samples.spec.n_atoms, len(first.neighbors.index) // case.batch
        self.loss = Loss(
            displacement_weight=0.5,
            velocity_weight=0.5,
            mass_weighted=False,
            displacement_square=float(np.square(self.samples.displacements).mean()),
            velocity_square=float(np.square(self.samples.new_velocities).mean()),
        )
        self.chosen = itertools.cycle(np.arange(len(self.samples)).reshape(BATCHES, case.batch))
        self.updates: Updates | None = None

    def advance(self, steps: int) -> None:
        if self.updates is None:
            settings = TrainingSettings(samples=len(self.samples), seed=1, batch_size=self.batch)
            self.updates = Updates(self.model, self.samples, self.loss, settings)
        for chosen in itertools.islice(self.chosen, steps):
            self.updates.take(chosen, LEARNING_RATE)
        loss = float(self.updates.parameters.loss)
        if not math.isfinite(loss):
            raise RuntimeError(f"the training loss is {loss}")


def pairs(case: Case, count: int) -> Pairs:
    """Different samples of a case, each moving at constant velocity for one horizon."""
    samples = [state(case, k) for k in range(count)]
    velocities = np.stack([sample.velocities.numpy() for sample in samples]).astype(np.float32)
    return Pairs(
        spec=spec_of(samples[0]),
        positions=np.stack([sample.positions.numpy() for sample in samples]).astype(np.float32),
        velocities=velocities,
        displacements=np.float32(case.horizon_fs) * velocities,
        new_velocities=velocities,
        frames=np.arange(count),
        sources=np.zeros(count, dtype=np.int64),
    )


MODES: dict[str, Callable[[TrajCast, Case], Run]] = {"rollout": RolloutRun, "train": TrainingRun}
