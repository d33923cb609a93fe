"""Errors of a model after several consecutive steps, compared with MD from the same initial state.

In a rollout every step starts from the previous prediction, so the error of a single step from an MD state says little.
No thermostat is applied: the change of each element's kinetic energy is what a thermostat would have to correct.
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
STARTS = 40  # initial states, evenly spaced along the trajectory


@torch.no_grad()
def repeated_errors(model: TrajCast, frames: Frames, steps: Sequence[int] = STEPS) -> dict[str, dict[str, Any]]:
    """Errors after each number of `steps` that the trajectory is long enough for.

    Returns:
        For each number of steps: mean absolute errors of the displacement since the start and of the velocity, in
        percent of their mean absolute values, and for each atomic number the relative deviation of the kinetic energy
        from MD. Standard errors (`…_error`) treat the starts as independent.

    Raises:
        UserError: If the horizon is not a multiple of the frame interval, the trajectory is shorter than one horizon,
            or a value is not finite.
    """
    check_finite(frames)
    horizon_fs = model.scales.horizon_fs
    try:
        stride = whole_multiple(horizon_fs, frames.interval_fs, "the model's horizon (fs)", "the frame interval (fs)")
    except ValueError as error:
        raise UserError(f"{frames.path}: {error}") from None
    reachable = [n for n in steps if n * stride < len(frames)]
    if not reachable:
        raise UserError(f"{frames.path}: {len(frames)} frames cover less than a horizon, {horizon_fs:g} fs; run longer")
    starts = np.unique(np.linspace(0, len(frames) - 1 - reachable[-1] * stride, STARTS).astype(np.int64))
    ready, numbers = prepared(model), frames.spec.numbers
    rows_after: dict[int, list[list[float]]] = {n: [] for n in reachable}
    with progress(f"errors of {reachable[-1]} steps", len(starts), unit="starts") as advance:
        for start in starts:
            state = frames.spec.state(frames.positions[start], frames.velocities[start]).to(device=model.device)
            first, constants = state.positions, ready.constants(state)
            for n in range(1, reachable[-1] + 1):
                step = ready(state, find_neighbors(state, model.scales.cutoff), constants)
                state = replace(state, positions=state.positions + step.displacement, velocities=step.velocity)
                if n in rows_after:
                    later = start + n * stride
                    predicted = (state.positions - first).cpu().numpy(), state.velocities.cpu().numpy()
                    true = (
                        frames.positions[later].astype(np.float64) - frames.positions[start],
                        frames.velocities[later],
                    )
                    rows_after[n].append(_compared(predicted, true, numbers))
            advance(1)
    return {str(n): _record(np.array(rows), np.unique(numbers)) for n, rows in rows_after.items()}


def _compared(
    predicted: tuple[NDArray, NDArray], true: tuple[NDArray, NDArray], numbers: NDArray[np.integer]
) -> list[float]:
    """Row of one start: mean absolute error and target of displacement and velocity, then predicted and true mean
    squared velocity of each element."""
    row = [float(np.abs(x).mean()) for a, b in zip(predicted, true, strict=True) for x in (a - b, b)]
    for number in np.unique(numbers):
        row += [float(np.square(v[numbers == number], dtype=np.float64).mean()) for v in (predicted[1], true[1])]
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
