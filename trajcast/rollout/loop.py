"""Rollouts: one forward pass per step, with conservation laws inside the model, followed by a thermostat."""

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
    """Roll a model out and write a trajectory and a JSON outcome for each replica.

    If the guard ends a rollout, its frames are kept and the outcome gives the reason. An interrupted run resumes if
    settings, start and `record` are unchanged. Only one process may write an output: commands hold
    `io.locks.exclusive_lock`.

    Args:
        positions: Positions of the start, Å.
        output: Path of the first replica's trajectory; the others are numbered.
        outcome: Path of the first replica's outcome; the others are numbered.
        record: Additional provenance.
        velocities: Velocities of the start, Å/fs; thermal if None.
        reporter: What is kept of the frames.

    Returns:
        The outcome of each replica.

    Raises:
        UserError: A start position is not finite, or the settings do not fit the model's horizon or elements.
        Stopped: A signal or the end of the time limit interrupted the run; it was saved.
    """
    if not torch.isfinite(positions).all():
        raise UserError("rollout: a start position is not finite; start from another trajectory")
    device = model.device
    initial = torch.zeros_like(positions) if velocities is None else velocities
    start = spec.state(positions.numpy(), initial.numpy()).to(device=device)
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
        replica_reporter = reporter(
            numbered(output, number),
            spec,
            identity=identity | {"replica": number},
            provenance=origin | {"replica": number},
        )
        rng = replica_generator(settings.seed, number)
        replicas.append(Replica(replica_reporter, numbered(outcome, number), rng))
    if results := finished(replicas):
        logging.info("%s: already finished; remove it to roll out again", output)
        return results
    run = begin(bursts, counts, replicas, start, spec, thermal=velocities is None)
    _advance(run)
    results = [outcome_record(model, settings, counts, replica) for replica in replicas]
    for replica, result in zip(replicas, results, strict=True):
        write_json(replica.outcome, result)
        replica.reporter.join(outcome=result)
    for replica in replicas:  # only now: after a kill before this point, a restart needs the segments of all replicas
        remove_segments(replica.reporter.path)
    return results


def _advance(run: RolloutRun) -> None:
    """Step to the end or until the guard has stopped every replica, and commit everything."""
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
    """SHA-256 of the state that a rollout starts from."""
    digest = hashlib.sha256()
    for tensor in (start.positions, start.velocities, start.masses, start.numbers, start.cell, start.pbc):
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
