"""Shares of kinetic energy that a step wins or loses, for errors in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from trajcast.training.balance import kinetic_balance

NUMBERS = np.array([8, 1, 1])
PAIRS = 4000


def velocities(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(PAIRS, 3, 3)) * np.array([1.0, 4.0, 4.0])[:, None]


def test_velocities_too_small_by_a_factor() -> None:
    """v̂ = c v′ of H alone: ⟨e²⟩ = (1 − c)², ⟨e·v′⟩ = c − 1, change c² − 1, without noise; O is right."""
    true = velocities(1)
    found = kinetic_balance(true * np.array([1.0, 0.9, 0.9])[:, None], true, NUMBERS)
    assert list(found) == ["1", "8"]
    assert [found["1"][name] for name in ("error", "along", "change")] == pytest.approx([0.01, -0.1, -0.19])
    assert max(abs(value) for value in found["8"].values()) == 0
    assert found["1"]["along_error"] < 1e-12


def test_independent_noise_adds_energy_and_a_mean_takes_it() -> None:
    """Noise of share s on top of v′: (s, 0, s). A prediction of the mean, v′ = v̂ + noise: (s, −s, −s) of ⟨v′²⟩."""
    mean, noise = velocities(2), 0.1 * velocities(3)
    added = kinetic_balance(mean + noise, mean, NUMBERS)
    averaged = kinetic_balance(mean, mean + noise, NUMBERS)
    for element in ("1", "8"):
        for name, expected in {"error": 0.01, "along": 0.0, "change": 0.01}.items():
            assert abs(added[element][name] - expected) < 4 * added[element][f"{name}_error"]
        for name, expected in {"error": 0.01 / 1.01, "along": -0.01 / 1.01, "change": -0.01 / 1.01}.items():
            assert abs(averaged[element][name] - expected) < 4 * averaged[element][f"{name}_error"]


def test_the_error_is_that_of_repeated_samples() -> None:
    """Standard errors agree with the spread over independent samples."""
    found = []
    for seed in range(60):
        true = np.random.default_rng(seed).normal(size=(50, 3, 3))
        noise = 0.3 * np.random.default_rng(1000 + seed).normal(size=true.shape)
        found.append(kinetic_balance(true + noise, true, NUMBERS)["1"])
    for name in ("error", "along", "change"):
        spread = np.std([one[name] for one in found], ddof=1)
        stated = np.mean([one[f"{name}_error"] for one in found])
        assert abs(stated / spread - 1) < 4 / np.sqrt(2 * 59)
