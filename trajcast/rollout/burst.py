"""Many steps at once: nothing is looked at before the last of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trajcast.core.neighbors.search import Sight
from trajcast.core.state import State
from trajcast.rollout.cuda_graph import CapturedStep
from trajcast.rollout.outcome import Readings
from trajcast.rollout.step import Moment, Report, Stepper

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


BURST_S = 0.5  # about how long one burst takes
BURST_STEPS = 100  # at most


def next_length(steps: int, seconds: float) -> int:
    """Steps of the burst after one of `steps` that took so long."""
    return max(1, min(BURST_STEPS, int(BURST_S * steps / seconds)))


@dataclass(frozen=True, slots=True)
class Burst:
    """What a burst leaves: the last moment on the device, all else on the host."""

    moment: Moment  # of use until the next burst
    readings: Readings  # of every step
    positions: Float[Tensor, "frames atoms 3"]  # Å, float32, after the steps that are kept
    velocities: Float[Tensor, "frames atoms 3"]  # Å/fs, float32


class Bursts:
    """Runs bursts; one in which the search for neighbours was too small is repeated with a larger one."""

    def __init__(self, stepper: Stepper):
        self.stepper = stepper
        self._step: Callable[..., tuple[Moment, Report]] | None = None

    def begin(self, state: State, going: Bool[Tensor, " systems"]) -> tuple[Moment, Sight]:
        """The moment from which those systems set out that are going, with room for all of their neighbours."""
        while True:
            moment, sight = self.stepper.begin(state, going)
            needed, sizes = sight.needed.tolist(), self.stepper.search.sizes
            if all(n <= size for n, size in zip(needed, sizes, strict=True)):
                return moment, sight
            self.stepper = replace(self.stepper, search=self.stepper.search.grown(needed))
            self._step = None

    def run(
        self,
        moment: Moment,
        normals: Float[Tensor, "steps systems ..."],
        targets_K: Float[Tensor, " steps"],
        *,
        still: Sequence[bool],
        kept: Sequence[bool],
    ) -> Burst:
        """As many steps as there are random numbers.

        For each the thermostat's temperature (K), whether momenta are zeroed, and whether a frame is kept.
        """
        state, going = moment.state, moment.going.clone()
        state = replace(state, positions=state.positions.clone(), velocities=state.velocities.clone())
        while True:
            burst, needed = self._run(moment, normals, targets_K, still, kept)
            missing = [row for row in needed if any(n > s for n, s in zip(row, self.stepper.search.sizes, strict=True))]
            if not missing:
                return burst
            self.stepper = replace(self.stepper, search=self.stepper.search.grown(missing[0]))
            self._step = None
            moment, _ = self.begin(state, going)

    def _run(
        self, moment: Moment, normals: Tensor, targets_K: Tensor, still: Sequence[bool], kept: Sequence[bool]
    ) -> tuple[Burst, list[list[int]]]:
        if self._step is None:
            on_cuda = normals.device.type == "cuda"
            self._step = CapturedStep(self.stepper, moment, normals[0], targets_K[0]) if on_cuda else self.stepper
        reports: list[tuple[Tensor, ...]] = []
        frames: list[tuple[Tensor, Tensor]] = []
        for normal, target_K, stills, keep in zip(normals, targets_K, still, kept, strict=True):
            moment, report = self._step(moment, normal, target_K, still=stills)
            seen = report.readings
            reports.append(tuple(x.clone() for x in (seen.finite, seen.temperature, seen.closest, report.needed)))
            if keep:
                state = moment.state
                frames.append((_single(state.positions), _single(state.velocities)))
        nothing = torch.empty(0, moment.state.n_atoms, 3)
        positions, velocities = (_on_host(x) for x in zip(*frames, strict=True)) if frames else (nothing, nothing)
        finite, temperature, closest, needed = (torch.stack(x).cpu() for x in zip(*reports, strict=True))
        return Burst(moment, Readings(finite, temperature, closest), positions, velocities), needed.tolist()


def _single(x: Tensor) -> Tensor:
    return x.to(torch.float32, copy=True)


def _on_host(frames: Sequence[Tensor]) -> Tensor:
    """Copied while the host goes on; there when anything that is asked for later is."""
    stacked = torch.stack(list(frames))
    if stacked.device.type == "cpu":
        return stacked
    return torch.empty(stacked.shape, dtype=stacked.dtype, pin_memory=True).copy_(stacked, non_blocking=True)
