"""Copies of one start that are rolled out side by side, each with velocities, noise, files and an end of its own."""

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
    """The random numbers of one replica, whichever others there are; those of the first come from `seed` itself."""
    own = seed if replica == 1 else int(np.random.SeedSequence((seed, replica)).generate_state(1)[0])
    return torch.Generator().manual_seed(own)


@dataclass
class Replica:
    """One of the copies: what changes of it during a rollout, apart from its atoms."""

    reporter: Reporter
    outcome: Path
    rng: Generator
    steps: int = 0  # done, up to where the guard stopped it
    wall_s: float = 0.0  # time they took, earlier processes included
    alarm: Alarm | None = None

    def noise(self, steps: int, shape: Sequence[int]) -> Float[Tensor, "steps ..."]:
        """The random numbers of the next steps: the same however many are drawn at a time."""
        return torch.stack([torch.randn(*shape, generator=self.rng, dtype=torch.float64) for _ in range(steps)])

    def restart_data(self, positions: NDArray, velocities: NDArray, step: int) -> dict[str, Any]:
        """All that it takes to go on from a step that all replicas have come to."""
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
        """Be as when `restart_data` was called."""
        self.rng.set_state(torch.as_tensor(saved["rng"]))
        self.steps, self.wall_s = int(saved["steps"]), float(saved["wall_s"])
        if ending := saved["ending"].decode():
            self.alarm = Alarm(Ending(ending), saved["reason"].decode())


def common_restart(reporters: Sequence[Reporter]) -> list[dict[str, Any]] | None:
    """The last restart data that all replicas have, each its own; None when they start from the beginning.

    A kill between the commits of two replicas leaves one of them a segment ahead: it is removed.
    """
    segments = min(len(reporter.segments) for reporter in reporters)
    saved = []
    for reporter in reporters:
        reporter.keep_segments(segments)
        saved.append(reporter.restart())
    return [one for one in saved if one is not None] or None


def finished(replicas: Sequence[Replica]) -> list[dict[str, Any]]:
    """The outcomes of a rollout that has come to its end; empty where it has not.

    The process that this one had to wait for may have written them.
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
