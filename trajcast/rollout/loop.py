"""Rollouts: one forward pass a step, conservation inside the model, a thermostat after it."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from trajcast.config.settings import RolloutSettings
from trajcast.core.errors import UserError
from trajcast.core.state import State, join
from trajcast.core.system_spec import SystemSpec
from trajcast.core.version import __version__
from trajcast.io.files import numbered, write_json
from trajcast.io.progress import progress
from trajcast.io.provenance import provenance
from trajcast.io.recorder import Recorder, remove_segments
from trajcast.io.stopping import Stopped, watched
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.rollout.burst import Bursts, next_length
from trajcast.rollout.outcome import backend_name, canonical_temperature, ensemble, outcome_record
from trajcast.rollout.replicas import Replica, finished, replica_generator
from trajcast.rollout.reporters import Reporter
from trajcast.rollout.run import RolloutRun, begin
from trajcast.rollout.step import stepper
from trajcast.rollout.steps import step_counts
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
    reporter: type[Reporter] = Recorder,
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
    counts = step_counts(settings, model.scales.horizon_fs)
    bursts = Bursts(stepper(prepared(model), settings, join([start] * settings.replicas)))
    logging.info("backend %s on %s", backend_name(model), device)
    identity = {"settings": asdict(settings), "start": _digest(start), "record": record, "version": __version__}
    origin = provenance(
        "rollout",
        asdict(settings),
        ensemble=ensemble(settings),
        canonical_temperature_K=canonical_temperature(settings),
        **record,
    )
    replicas = []
    for number in range(1, settings.replicas + 1):
        own = reporter(
            numbered(output, number),
            spec,
            identity=identity | {"replica": number},
            provenance=origin | {"replica": number},
        )
        rng = replica_generator(settings.seed, number)
        replicas.append(Replica(own, numbered(outcome, number), rng))
    if results := finished(replicas):
        logging.info("%s: finished already; remove it to roll out again", output)
        return results
    run = begin(bursts, counts, replicas, start, spec, thermal=velocities is None)
    _advance(run)
    results = [outcome_record(model, settings, counts, replica) for replica in replicas]
    for replica, result in zip(replicas, results, strict=True):
        write_json(replica.outcome, result)
        replica.reporter.join(outcome=result)
    for replica in replicas:  # only now: before, a kill must find the segments of all of them
        remove_segments(replica.reporter.path)
    return results


def _advance(run: RolloutRun) -> None:
    """Step to the end, or until the guard has stopped every replica; then everything is committed."""
    horizon_fs, length = run.bursts.stepper.model.scales.horizon_fs, 1
    committed = last = time.monotonic()
    with (
        watched() as time_is_up,
        Writer([replica.reporter for replica in run.replicas]) as writer,
        progress(f"rollout at {horizon_fs:g} fs", run.counts.total, done=run.step) as tick,
    ):
        while run.step < run.counts.total and run.active:
            count, active = min(length, run.counts.total - run.step), run.active
            run.run_burst(count)
            now = time.monotonic()
            for replica in active:
                replica.wall_s += now - last
            length = next_length(count, now - last)
            last = now
            tick(count)
            writer.check()
            reason = time_is_up()
            if reason or now - committed > COMMIT_EVERY_S:
                writer.commit(run.restarts())
                committed = now
            if reason and run.step < run.counts.total:
                writer.wait()
                raise Stopped(f"{reason}; saved after step {run.step} of {run.counts.total}")
        writer.commit(run.restarts())


def _digest(start: State) -> str:
    """Changes with any of the numbers that a rollout starts from."""
    digest = hashlib.sha256()
    for tensor in (start.positions, start.velocities, start.masses, start.numbers, start.cell, start.pbc):
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
