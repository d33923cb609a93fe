"""What a step is: one of a roll-out, or one of training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from benchmarks.cases import TEMPERATURE_K, Case, state
from trajcast.forecast.forecaster import forecaster
from trajcast.forecast.outcome import Alarm
from trajcast.model.network import TrajCast
from trajcast.neighbors import find_neighbors
from trajcast.settings import Forecast, Guard
from trajcast.state import join
from trajcast.training.loss import Loss

BATCHES = 4  # prepared for training, used in turn: their numbers of edges differ, as in a data set
LEARNING_RATE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one step treats."""

    atoms: int  # of one system
    edges: int  # of one system
    batch: int  # systems


Run = Iterator[Work]
"""Its first item says that all is prepared; every further one that a step is done."""


def roll_out(model: TrajCast, case: Case) -> Run:
    """A roll-out at constant temperature: neighbours, network, conservation, thermostat, guard."""
    device = model.bessel.roots.device
    start = state(case).to(device=device)
    settings = Forecast(
        duration_ps=1.0,
        equilibration_ps=0.0,
        temperature_K=TEMPERATURE_K,
        tau_horizons=case.tau_horizons,
        seed=1,
        guard=Guard(min_temperature_K=0.0, max_temperature_K=1e5, min_distance_A=0.1),
    )
    work = Work(atoms=start.n_atoms, edges=len(find_neighbors(start, case.cutoff).index), batch=1)
    yield work
    caster, rng = forecaster(model, settings, start), torch.Generator().manual_seed(1)
    after: tuple | Alarm
    after = start, caster.neighbors(start)
    for number in itertools.count(1):
        after = caster.step(*after, number, rng)
        if isinstance(after, Alarm):
            raise RuntimeError(f"{case.name}: {after.reason}")
        yield work


def train(model: TrajCast, case: Case) -> Run:
    """Updates on batches whose neighbours were found ahead."""
    device = model.bessel.roots.device
    samples = [[state(case, case.batch * k + i) for i in range(case.batch)] for k in range(BATCHES)]
    batches = [join(some).to(device=device) for some in samples]
    neighbors = [find_neighbors(batch, case.cutoff) for batch in batches]
    loss = Loss(
        displacement_weight=0.5,
        velocity_weight=0.5,
        mass_weighted=False,
        displacement_square=float((case.horizon_fs * batches[0].velocities).square().mean()),
        velocity_square=float(batches[0].velocities.square().mean()),
    )
    work = Work(atoms=samples[0][0].n_atoms, edges=len(neighbors[0].index) // case.batch, batch=case.batch)
    yield work
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, amsgrad=True, fused=True)
    for batch, found in itertools.cycle(zip(batches, neighbors, strict=True)):
        value = loss(model(batch, found), case.horizon_fs * batch.velocities, batch.velocities, batch.masses)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if not math.isfinite(value.item()):
            raise RuntimeError(f"{case.name}: the training loss is {value.item()}")
        yield work


MODES: dict[str, Callable[[TrajCast, Case], Run]] = {"rollout": roll_out, "train": train}
