"""Replicas: copies of one start rolled out together, each with its own velocities, noise, files and outcome."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from trajcast.io.recorder import remove_segments
from trajcast.rollout.reporters import Reporter
from trajcast.rollout.rules.guard import Alarm, Ending

if TYPE_CHECKING:
    from jaxtyping import Float


def replica_generator(seed: int, replica: int) -> Generator:
    """Random numbers of one replica, independent of the number of replicas; the first uses `seed` itself."""
    replica_seed = seed if replica == 1 else int(np.random.SeedSequence((seed, replica)).generate_state(1)[0])
    return torch.Generator().manual_seed(replica_seed)


@dataclass
class Replica:
    """Files and progress of one replica; its atoms are in the batched state."""

    reporter: Reporter
    outcome: Path
    rng: Generator
    steps: int = 0  # completed, until the guard stopped it
    wall_s: float = 0.0  # time for these steps, including earlier processes
    alarm: Alarm | None = None

    def noise(self, steps: int, shape: Sequence[int]) -> Float[Tensor, "steps ..."]:
        """Normal random numbers of the next steps, independent of how many are drawn at a time."""
        return torch.stack([torch.randn(*shape, generator=self.rng, dtype=torch.float64) for _ in range(steps)])

    def restart_data(self, positions: NDArray, velocities: NDArray, step: int) -> dict[str, Any]:
        """Everything needed to resume from a step that all replicas have reached."""
        return {
            "positions": positions,
            "velocities": velocities,
            "step": step,
            "rng": self.rng.get_state().numpy(),
            "steps": self.steps,
            "wall_s": self.wall_s,
            "ending": self.alarm.ending.value if self.alarm else "",
            "reason": self.alarm.reason if self.alarm else "",
        }

    def go_on(self, saved: dict[str, Any]) -> None:
        """Restore the state saved by `restart_data`."""
        self.rng.set_state(torch.as_tensor(saved["rng"]))
        self.steps, self.wall_s = int(saved["steps"]), float(saved["wall_s"])
        if ending := saved["ending"].decode():
            self.alarm = Alarm(Ending(ending), saved["reason"].decode())


def common_restart(reporters: Sequence[Reporter]) -> list[dict[str, Any]] | None:
    """Restart data of the last segment that all replicas have, one for each; None if they start from the beginning.

    A kill between the commits of two replicas leaves one of them a segment ahead; that segment is removed.
    """
    segments = min(len(reporter.segments) for reporter in reporters)
    saved = []
    for reporter in reporters:
        reporter.keep_segments(segments)
        saved.append(reporter.restart())
    return [one for one in saved if one is not None] or None


def finished(replicas: Sequence[Replica]) -> list[dict[str, Any]]:
    """Outcomes of a finished rollout; empty if it has not finished.

    Another process may have finished it while this one waited for the lock.
    """
    outcomes = []
    for replica in replicas:
        reporter = replica.reporter
        if reporter.segments or not (reporter.path.exists() and replica.outcome.exists()):
            return []
        outcomes.append(json.loads(replica.outcome.read_text(encoding="utf-8")))
        if outcomes[-1].get("identity") != reporter.identity:
            return []
    for replica in replicas:
        remove_segments(replica.reporter.path)
    return outcomes
