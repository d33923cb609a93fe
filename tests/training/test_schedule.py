"""Learning rate and the end of training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trajcast.config.settings import TrainingSettings
from trajcast.training.schedule import after_epoch, begin, rate, stop_reason

SETTINGS = TrainingSettings(samples=10, seed=1, plateau_patience=3, stop_patience=7, max_epochs=50, budget_minutes=2.0)


def rates(losses: list[float]) -> list[float]:
    schedule, found = begin(SETTINGS), []
    for loss in losses:
        schedule = after_epoch(schedule, loss, 0.5, SETTINGS)
        found.append(schedule.learning_rate)
    return found


def test_rate_falls_after_three_epochs_without_improvement_and_again_after_three_more() -> None:
    losses = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95]
    assert rates(losses) == pytest.approx([0.01, 0.01, 0.01, 0.01, 0.008, 0.008, 0.008, 0.0064])


def test_an_improvement_starts_the_wait_anew() -> None:
    assert rates([1.0, 1.1, 1.1, 0.9, 1.0, 1.0]) == pytest.approx([0.01] * 6)


def test_equal_loss_is_no_improvement() -> None:
    assert rates([1.0, 1.0, 1.0, 1.0])[-1] == pytest.approx(0.008)


def test_stops_for_patience_epochs_and_budget() -> None:
    schedule = begin(SETTINGS)
    assert stop_reason(schedule, 0, 0.0, SETTINGS) is None
    for _ in range(8):
        schedule = after_epoch(schedule, 1.0, 0.5, SETTINGS)
    assert stop_reason(schedule, 8, 0.0, SETTINGS) == "no improvement for stop_patience 7 epochs"
    assert stop_reason(begin(SETTINGS), 50, 0.0, SETTINGS) == "reached max_epochs 50"
    assert stop_reason(begin(SETTINGS), 1, 120.0, SETTINGS) == "used budget_minutes 2"
    assert stop_reason(begin(SETTINGS), 1, 119.0, SETTINGS) is None


def test_rate_rises_over_the_warmup_and_falls_over_the_cooldown() -> None:
    both = replace(SETTINGS, warmup_updates=4, cooldown=0.5)
    schedule = begin(both)
    assert [rate(schedule, u, 0.0, both) for u in (0, 1, 3, 9)] == pytest.approx([0.0025, 0.005, 0.01, 0.01])
    assert [rate(schedule, 9, p, both) for p in (0.5, 0.75, 1.0, 1.2)] == pytest.approx([0.01, 0.005, 0.0, 0.0])
    assert rate(schedule, 0, 0.99, SETTINGS) == 0.01  # the paper's schedule
