"""Errors of a model that takes several steps by itself, beside the MD that began with it.

In a rollout a model goes on from its own predictions, so that the error of one step from a state of MD tells little.
Without a thermostat; after ten steps the kinetic energy of an element has changed by what a thermostat has to mend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trajcast.config.settings import whole_multiple
from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.io.frames import Frames, check_finite
from trajcast.io.progress import progress
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.training.balance import ratio_of_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = (1, 2, 3, 10)
STARTS = 40  # spread over the trajectory


@torch.no_grad()
def repeated_errors(model: TrajCast, frames: Frames, steps: Sequence[int] = STEPS) -> dict[str, dict[str, Any]]:
    """By number of steps, as far as the trajectory goes; UserError where its frames do not fit the horizon.

    Mean absolute errors of displacement since the start and of velocity in percent of their mean absolute values, and
    for each element by atomic number the relative change of its kinetic energy against MD; standard errors (`_error`)
    are over the starts, which count as independent.
    """
    check_finite(frames)
    horizon_fs = model.scales.horizon_fs
    try:
        stride = whole_multiple(horizon_fs, frames.interval_fs, "the model's horizon (fs)", "the frame interval (fs)")
    except ValueError as error:
        raise UserError(f"{frames.path}: {error}") from None
    reach = [n for n in steps if n * stride < len(frames)]
    if not reach:
        raise UserError(f"{frames.path}: {len(frames)} frames are less than one horizon, {horizon_fs:g} fs; run longer")
    starts = np.unique(np.linspace(0, len(frames) - 1 - reach[-1] * stride, STARTS).astype(np.int64))
    ready, numbers = prepared(model), frames.spec.numbers
    found: dict[int, list[list[float]]] = {n: [] for n in reach}
    with progress(f"errors of {reach[-1]} steps", len(starts), unit="starts") as advance:
        for start in starts:
            state = frames.spec.state(frames.positions[start], frames.velocities[start]).to(device=model.device)
            first, constants = state.positions, ready.constants(state)
            for n in range(1, reach[-1] + 1):
                step = ready(state, find_neighbors(state, model.scales.cutoff), constants)
                state = replace(state, positions=state.positions + step.displacement, velocities=step.velocity)
                if n in found:
                    later = start + n * stride
                    moved = (state.positions - first).cpu().numpy(), state.velocities.cpu().numpy()
                    true = (
                        frames.positions[later].astype(np.float64) - frames.positions[start],
                        frames.velocities[later],
                    )
                    found[n].append(_compared(moved, true, numbers))
            advance(1)
    return {str(n): _record(np.array(rows), np.unique(numbers)) for n, rows in found.items()}


def _compared(
    moved: tuple[NDArray, NDArray], true: tuple[NDArray, NDArray], numbers: NDArray[np.integer]
) -> list[float]:
    """Of one start: mean absolute error and value of both, then each element's kinetic energies."""
    row = [float(np.abs(x).mean()) for a, b in zip(moved, true, strict=True) for x in (a - b, b)]
    for number in np.unique(numbers):
        row += [float(np.square(v[numbers == number], dtype=np.float64).mean()) for v in (moved[1], true[1])]
    return row


def _record(rows: NDArray[np.float64], elements: NDArray[np.integer]) -> dict[str, Any]:
    displacement, velocity = (ratio_of_means(rows[:, k], rows[:, k + 1]) for k in (0, 2))
    change = {}
    for k, number in enumerate(elements.tolist()):
        ratio, error = ratio_of_means(rows[:, 4 + 2 * k], rows[:, 5 + 2 * k])
        change[str(number)] = {"change": ratio - 1, "change_error": error}
    return {
        "starts": len(rows),
        "displacement_mae_percent": 100 * displacement[0],
        "displacement_mae_percent_error": 100 * displacement[1],
        "velocity_mae_percent": 100 * velocity[0],
        "velocity_mae_percent_error": 100 * velocity[1],
        "kinetic_energy": change,
    }
