"""Learning rate schedule and stopping criteria."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from trajcast.config.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Plateau learning rate, and the number of epochs without improvement of the validation loss."""

    learning_rate: float
    best_loss: float = math.inf
    epochs_since_best: int = 0
    epochs_since_decay: int = 0  # or since the best, whichever is later
    multistep: bool = False  # whether updates include a second step


def begin(settings: TrainingSettings) -> Schedule:
    """The schedule before the first epoch."""
    return Schedule(learning_rate=settings.learning_rate)


def after_epoch(schedule: Schedule, validation_loss: float, progress: float, settings: TrainingSettings) -> Schedule:
    """The schedule for the next epoch; the rate drops after `plateau_patience` epochs without improvement."""
    if is_multistep(progress, settings) and not schedule.multistep:
        schedule = replace(schedule, multistep=True, best_loss=math.inf)  # losses of one-step weights do not compare
    if validation_loss < schedule.best_loss:
        return replace(schedule, best_loss=validation_loss, epochs_since_best=0, epochs_since_decay=0)
    waited = replace(
        schedule,
        epochs_since_best=schedule.epochs_since_best + 1,
        epochs_since_decay=schedule.epochs_since_decay + 1,
    )
    if waited.epochs_since_decay < settings.plateau_patience:
        return waited
    return replace(waited, learning_rate=waited.learning_rate * settings.plateau_factor, epochs_since_decay=0)


def rate(schedule: Schedule, update: int, progress: float, settings: TrainingSettings) -> float:
    """The learning rate of one update.

    It rises linearly to the plateau value over the first `warmup_updates`, and falls linearly to zero over the final
    fraction `cooldown` of the run.

    Args:
        update: Number of the update, from 0.
        progress: Progress of the whole run, from 0 to 1.
    """
    warm = min(1.0, (update + 1) / settings.warmup_updates) if settings.warmup_updates else 1.0
    cool = min(1.0, max(0.0, (1 - progress) / settings.cooldown)) if settings.cooldown else 1.0
    return schedule.learning_rate * warm * cool


def is_multistep(progress: float, settings: TrainingSettings) -> bool:
    """Whether updates include a second step at this `progress` (0 to 1) of the whole run."""
    return settings.multistep_fraction > 0 and progress >= 1 - settings.multistep_fraction


def stop_reason(schedule: Schedule, epoch: int, elapsed_s: float, settings: TrainingSettings) -> str | None:
    """Why training ends after `epoch` epochs; None if it continues."""
    if epoch >= settings.max_epochs:
        return f"reached max_epochs {settings.max_epochs}"
    if schedule.epochs_since_best >= settings.stop_patience:
        return f"no improvement for stop_patience {settings.stop_patience} epochs"
    if settings.budget_minutes is not None and elapsed_s >= 60 * settings.budget_minutes:
        return f"used budget_minutes {settings.budget_minutes:g}"
    return None


def time_left_s(settings: TrainingSettings, epoch: int, elapsed_s: float) -> float:
    """Upper bound on the remaining time after `epoch` ≥ 1 epochs, from `max_epochs` and `budget_minutes`."""
    left = elapsed_s * (settings.max_epochs / epoch - 1)
    if settings.budget_minutes is not None:
        left = min(left, 60 * settings.budget_minutes - elapsed_s)
    return max(0.0, left)
