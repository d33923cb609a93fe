"""The Langevin thermostat against the closed forms of the Ornstein–Uhlenbeck process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from small_systems import normal, random_state
from torch import Tensor

from trajcast.core.mechanics import (
    angular_momentum,
    center_of_mass,
    degrees_of_freedom,
    isolated,
    kinetic_energy,
    momentum,
    set_momentum,
    thermal_velocities,
)
from trajcast.core.state import State, join
from trajcast.core.units import BOLTZMANN, KINETIC
from trajcast.rollout.rules.thermostats import langevin

T, TAU = 300.0, 10.0
KT = BOLTZMANN * T / KINETIC  # u Å²/fs²
BOXES = pytest.mark.parametrize("length", [6.0, None], ids=["periodic", "vacuum"])


def kick(state: State, noise: Tensor, interval_fs: float, temperature_K: Tensor | float = T) -> State:
    """The state after one application."""
    dof = degrees_of_freedom(state)
    return langevin.apply(
        state, temperature_K=temperature_K, tau_fs=TAU, interval_fs=interval_fs, degrees_of_freedom=dof, normal=noise
    )


def flight(state: State, steps: int, interval_fs: float, seed: int) -> Iterator[State]:
    """An ideal gas: kicks with fresh noise, and atoms that fly straight on between them."""
    rng = torch.Generator().manual_seed(seed)
    shape = (state.n_systems, *langevin.noise_shape(state, degrees_of_freedom(state)))
    for _ in range(steps):
        state = kick(state, torch.randn(shape, generator=rng, dtype=torch.float64), interval_fs)
        state = replace(state, positions=state.positions + interval_fs * state.velocities)
        yield state


def ensemble(systems: int, seed: int, *, temperature_K: float = T, length: float | None = 6.0) -> State:
    """Independent systems of 4 O and 8 H with thermal velocities."""
    gas = join([random_state(seed, length=length)] * systems)
    return thermal_velocities(gas, temperature_K, torch.Generator().manual_seed(seed))


def law(state: State, *intervals: float) -> tuple[Tensor, Tensor]:
    """Mean (3N) and covariance (3N, 3N) of the velocities after kicks, by their response to each number of the noise.

    Velocities are affine in the noise, which `test_one_kick` asserts.
    """
    size = 3 * state.n_atoms
    copies = join([state] * size)
    unit = torch.eye(size, dtype=torch.float64).view(size, -1, 3)

    def after(noisy: int) -> Tensor:
        now = copies
        for k, interval in enumerate(intervals):
            now = kick(now, unit * (k == noisy), interval)
        return now.velocities.view(size, size)

    mean = after(-1)[0]
    responses = torch.cat([after(k) - mean for k in range(len(intervals))])
    return mean, responses.T @ responses


def canonical(state: State) -> Tensor:
    """Covariance (3N, 3N) of the Maxwell–Boltzmann distribution where P, and L in vacuum, are zero.

    k T (1 − n nᵀ) in √m v, for an orthonormal basis n of what P and L are made of.
    """
    root = state.masses.sqrt()[:, None, None]
    axes = torch.eye(3, dtype=torch.float64).expand(state.n_atoms, 3, 3)
    held = [root * axes]
    if isolated(state):
        arms = (state.positions - center_of_mass(state))[:, None].expand(-1, 3, 3)
        held.append(root * torch.linalg.cross(arms, axes))
    basis, _ = torch.linalg.qr(torch.cat([part.flatten(0, 1) for part in held], dim=1))
    roots = root.expand(-1, 3, 1).flatten()
    return KT * (torch.eye(len(roots), dtype=torch.float64) - basis @ basis.T) / torch.outer(roots, roots)


def freedoms(state: State) -> Tensor:
    """Degrees of freedom of all O and of all H in a batch: 3 (1 − m / M) for each atom, as P takes m / M of each."""
    total = state.masses.sum() / state.n_systems
    share = 3 * (1 - state.masses / total)
    return torch.stack([share[state.numbers == z].sum() for z in (8, 1)])


def heat(state: State, velocities: Tensor) -> Tensor:
    """Σ m v² of O and of H per degree of freedom, in units of k T: 1 on average at the target temperature."""
    squares = state.masses * (velocities**2).sum(1) / KT
    return torch.stack([squares[state.numbers == z].sum() for z in (8, 1)]) / freedoms(state)


@BOXES
@pytest.mark.parametrize("interval", [0.01, 3.0, 1000.0])
def test_one_kick(length: float | None, interval: float) -> None:
    """On average c v, about it (1 − c²) k T / m, both projected; Gaussian, being affine in normal numbers."""
    state = random_state(1, length=length)
    rng = torch.Generator().manual_seed(2)
    state = replace(state, velocities=0.01 * normal(12, rng))  # with P and L, which are to be taken away
    kept, width = np.exp(-interval / TAU), -np.expm1(-2 * interval / TAU)
    mean, covariance = law(state, interval)
    thermal = canonical(state)
    momenta = (state.masses[:, None] * state.velocities).flatten()
    torch.testing.assert_close(mean, kept * thermal @ momenta / KT, rtol=0, atol=1e-15)
    torch.testing.assert_close(covariance, width * thermal, rtol=0, atol=1e-12 * width * float(thermal.max()))
    noise = normal(12, rng)
    response = kick(join([state] * 36), torch.eye(36, dtype=torch.float64).view(36, 12, 3), interval)
    affine = mean + noise.flatten() @ (response.velocities.view(36, 36) - mean)
    torch.testing.assert_close(kick(state, noise[None], interval).velocities.flatten(), affine, rtol=0, atol=1e-14)


@BOXES
@pytest.mark.parametrize("intervals", [(3.0, 3.0), (0.5, 17.0), (1.0, 2.0, 4.0)])
def test_kicks_add_up_to_one(length: float | None, intervals: tuple[float, ...]) -> None:
    """The solution is exact at any interval: several kicks have the distribution of one over the whole time."""
    state = thermal_velocities(random_state(3, length=length), T, torch.Generator().manual_seed(3))
    mean, covariance = law(state, *intervals)
    mean_of_one, covariance_of_one = law(state, sum(intervals))
    torch.testing.assert_close(mean, mean_of_one, rtol=0, atol=1e-15)
    torch.testing.assert_close(covariance, covariance_of_one, rtol=0, atol=1e-12 * float(covariance.max()))


@BOXES
def test_kinetic_energy_is_canonical(length: float | None) -> None:
    """Kolmogorov–Smirnov against χ²; energies three τ apart have a correlation of exp(−6)."""
    start = ensemble(200, 4, temperature_K=2 * T, length=length)
    dof = float(degrees_of_freedom(start)[0])
    assert dof == (33 if length else 30)
    states = [state for k, state in enumerate(flight(start, 195, 2.0, seed=5)) if k >= 45 and k % 15 == 0]
    energies = 2 * torch.cat([kinetic_energy(state) for state in states]).numpy() / (BOLTZMANN * T)
    assert energies.size == 2000
    assert stats.kstest(energies, stats.chi2(dof).cdf).pvalue > 0.01
    assert stats.kstest(energies, stats.chi2(36).cdf).pvalue < 1e-4  # 3N would be noticed
    assert abs(energies.mean() - dof) < 4 * np.sqrt(2 * dof / energies.size)


def test_velocities_forget_exponentially() -> None:
    """Σ m v(0) v(t) / Σ m v(0)² is exp(−t/τ), with the variance (1 − exp(−2t/τ)) k T / Σ m v(0)² over the noise."""
    start, interval = ensemble(200, 6), 2.0
    weighted = start.masses[:, None] * start.velocities
    norm = (weighted * start.velocities).sum()
    later = [float((weighted * state.velocities).sum() / norm) for state in flight(start, 20, interval, seed=7)]
    times = interval * np.arange(1, 21)
    errors = np.sqrt(-np.expm1(-2 * times / TAU) * KT / float(norm))
    assert np.all(np.abs(later - np.exp(-times / TAU)) < 4 * errors)
    assert np.max(np.abs(later - np.exp(-2 * times / TAU)) / errors) > 10  # twice the friction would be noticed


@BOXES
def test_nothing_drifts_or_turns(length: float | None) -> None:
    """Sums of 12 terms, each rounded to 1e-16 of itself in each of a few operations."""
    start = ensemble(3, 8, length=length)
    for state in flight(start, 200, 2.0, seed=9):
        moving = state.masses * state.velocities.norm(dim=1)
        assert momentum(state).abs().max() < 1e-14 * moving.sum()
        if length is None:
            arms = (state.positions - center_of_mass(state)[state.system_idx]).norm(dim=1)
            assert angular_momentum(state).abs().max() < 1e-14 * (arms * moving).sum()


@BOXES
def test_systems_of_a_batch_have_noise_of_their_own(length: float | None) -> None:
    """Three systems together go as each alone; equal ones part; a temperature may be a tensor."""
    rng = torch.Generator().manual_seed(10)
    states = [thermal_velocities(random_state(s, length=length), T, rng) for s in (1, 2, 2)]
    states[2] = states[1]
    noise = torch.stack([normal(12, rng) for _ in states])
    together = kick(join(states), noise, 2.0, torch.tensor(T, dtype=torch.float64)).velocities.view(3, 12, 3)
    for state, own, moved in zip(states, noise, together, strict=True):
        torch.testing.assert_close(kick(state, own[None], 2.0).velocities, moved, rtol=0, atol=1e-15)
    assert (together[1] - together[2]).abs().max() > 1e-3
    assert langevin.noise_shape(join(states), degrees_of_freedom(join(states))) == (12, 3)


def test_diffusion_is_that_of_einstein() -> None:
    """D = k T τ / m, which steps dt of constant velocity make k T dt (1 + c) / (1 − c) / 2 m, for O and for H.

    Atoms that start in equilibrium lag behind 2 D t by what a correlated start saves, here in closed form, too.
    """
    start, interval, steps = ensemble(200, 11), 2.0, 100
    c = np.exp(-interval / TAU)
    diffusion = 0.5 * interval * (1 + c) / (1 - c)  # times k T / m
    assert diffusion == pytest.approx(TAU * (1 + (interval / TAU) ** 2 / 12), rel=1e-5)
    spread = 2 * diffusion * interval * steps - 2 * interval**2 * c * (1 - c**steps) / (1 - c) ** 2
    *_, end = flight(start, steps, interval, seed=12)
    measured = heat(start, (end.positions - start.positions) / np.sqrt(spread))
    assert torch.all((measured - 1).abs() < 4 * torch.sqrt(2 / freedoms(start)))


def test_two_elements_relax_to_one_temperature() -> None:
    """From 0.1 T and 4 T each goes to T as exp(−2t/τ), and with it the difference between them.

    Of a sum of f squares with means that have q of the target's heat left, the variance is 2 s² + 4 s (1 − s) q over f
    at the share s = 1 − exp(−2t/τ) of fresh noise; P, which couples the atoms, can only lower it.
    """
    start, interval, steps = ensemble(200, 13), 1.0, 30
    scale = torch.where(start.numbers == 8, np.sqrt(0.1), 2.0)
    start = set_momentum(replace(start, velocities=scale[:, None] * start.velocities))
    first = heat(start, start.velocities)
    assert first[0] < 0.5
    assert first[1] > 3
    later = torch.stack([heat(state, state.velocities) for state in flight(start, steps, interval, seed=14)])
    old = torch.exp(-2 * interval * torch.arange(1, steps + 1, dtype=torch.float64) / TAU)[:, None]
    errors = torch.sqrt((2 * (1 - old) ** 2 + 4 * (1 - old) * old * first) / freedoms(start))
    assert torch.all((later - 1 - old * (first - 1)).abs() < 4 * errors)
    difference, wanted = later[:, 0] - later[:, 1], old[:, 0] * (first[0] - first[1])
    assert torch.all((difference - wanted).abs() < 4 * errors.sum(1))
    too_slow = old.sqrt()[:, 0] * (first[0] - first[1])
    assert ((difference - too_slow).abs() / errors.sum(1)).max() > 10  # exp(−t/τ) would be noticed
