"""The CSVR thermostat against the canonical distribution and its own equation."""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import stats
from small_systems import random_state

from trajcast.core.geometry import replicate
from trajcast.core.mechanics import (
    angular_momentum,
    degrees_of_freedom,
    kinetic_energy,
    momentum,
    set_momentum,
    thermal_velocities,
)
from trajcast.core.plugins import named_module
from trajcast.core.state import State, join, system_sum
from trajcast.core.system_spec import spec_of
from trajcast.core.units import BOLTZMANN, KINETIC
from trajcast.rollout.rules import thermostats
from trajcast.rollout.rules.thermostats import csvr, csvr_elements

T = 300.0


def apply(thermostat: ModuleType, state: State, rng: torch.Generator, **times: float) -> State:
    """The state after one rescaling with fresh noise."""
    dof = degrees_of_freedom(state)
    shape = (state.n_systems, *thermostat.noise_shape(state, dof))
    normal = torch.randn(shape, generator=rng, dtype=torch.float64)
    return thermostat.apply(state, temperature_K=T, degrees_of_freedom=dof, normal=normal, **times)


def sample(state: State, steps: int, *, tau_fs: float, interval_fs: float, seed: int) -> np.ndarray:
    """Kinetic energies (steps, systems) in units of k T."""
    rng = torch.Generator().manual_seed(seed)
    energies = []
    for _ in range(steps):
        state = apply(csvr, state, rng, tau_fs=tau_fs, interval_fs=interval_fs)
        energies.append(kinetic_energy(state).numpy() / (BOLTZMANN * T))
    return np.array(energies)


@pytest.mark.parametrize("length", [6.0, None], ids=["periodic", "vacuum"])
def test_kinetic_energy_is_canonical(length: float | None) -> None:
    """Kolmogorov–Smirnov on samples three relaxation times apart, χ² with 3N − 3 or 3N − 6 degrees of freedom."""
    start = thermal_velocities(random_state(1, length=length), 600.0, torch.Generator().manual_seed(1))
    dof = float(degrees_of_freedom(start)[0])
    assert dof == (33 if length else 30)
    energies = sample(start, 6000, tau_fs=10.0, interval_fs=2.0, seed=2)[100:, 0]
    apart = energies[::15]
    assert stats.kstest(2 * apart, stats.chi2(dof).cdf).pvalue > 0.01
    wrong = stats.kstest(2 * apart, stats.chi2(dof + (3 if length else 6)).cdf).pvalue
    assert wrong < 1e-4  # 3N would be noticed
    error = np.sqrt(dof / 2 / len(apart))
    assert abs(apart.mean() - dof / 2) < 4 * error
    width_error = np.sqrt((2 + 12 / dof) / (4 * len(apart)))  # relative; 12 / dof is the excess kurtosis of χ²
    assert abs(apart.std(ddof=1) / np.sqrt(dof / 2) - 1) < 4 * width_error


def test_relaxation_and_correlation_time() -> None:
    """From far off the mean energy relaxes as exp(−t/τ); in equilibrium energies decorrelate as exp(−t/τ)."""
    tau, interval, n = 50.0, 5.0, 400
    cold = join([thermal_velocities(random_state(s), 30.0, torch.Generator().manual_seed(s)) for s in range(n)])
    energies = sample(cold, 40, tau_fs=tau, interval_fs=interval, seed=3)
    dof = float(degrees_of_freedom(cold)[0])
    start = float((kinetic_energy(cold) / (BOLTZMANN * T)).mean())
    times = interval * np.arange(1, 41)
    expected = dof / 2 + (start - dof / 2) * np.exp(-times / tau)
    error = np.sqrt(dof / 2 / n)
    assert np.all(np.abs(energies.mean(1) - expected) < 4.5 * error)
    hot = join([thermal_velocities(random_state(s), T, torch.Generator().manual_seed(1000 + s)) for s in range(n)])
    energies = sample(hot, 11, tau_fs=tau, interval_fs=interval, seed=4)
    correlation = np.corrcoef(energies[0], energies[10])[0, 1]
    assert abs(correlation - np.exp(-1)) < 4 * (1 - np.exp(-2)) / np.sqrt(n)


def test_directions_and_momentum_do_not_change() -> None:
    state = thermal_velocities(random_state(5), T, torch.Generator().manual_seed(5))
    after = apply(csvr, state, torch.Generator().manual_seed(6), tau_fs=10.0, interval_fs=2.0)
    ratio = after.velocities / state.velocities
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio))
    assert ratio[0, 0] != 1
    assert momentum(after).abs().max() < 1e-14


def test_systems_of_a_batch_get_independent_noise_and_seeds_repeat() -> None:
    one = thermal_velocities(random_state(7), T, torch.Generator().manual_seed(7))
    energies = sample(join([one, one]), 3, tau_fs=10.0, interval_fs=2.0, seed=8)
    assert not np.isclose(energies[0, 0], energies[0, 1])
    assert np.array_equal(energies, sample(join([one, one]), 3, tau_fs=10.0, interval_fs=2.0, seed=8))
    assert not np.array_equal(energies, sample(join([one, one]), 3, tau_fs=10.0, interval_fs=2.0, seed=9))


def test_infinitely_slow_thermostat_does_nothing() -> None:
    state = thermal_velocities(random_state(9), T, torch.Generator().manual_seed(9))
    after = apply(csvr, state, torch.Generator().manual_seed(10), tau_fs=1e30, interval_fs=1.0)
    torch.testing.assert_close(after.velocities, state.velocities, rtol=1e-12, atol=0)
    assert replace(after) is not state


def element_energies(state: State) -> np.ndarray:
    """Kinetic energy of each element (columns, by atomic number) of each system in units of k T."""
    energy = 0.5 * KINETIC * state.masses * (state.velocities**2).sum(1) / (BOLTZMANN * T)
    columns = [system_sum(torch.where(state.numbers == n, energy, 0.0), state) for n in torch.unique(state.numbers)]
    return torch.stack(columns, dim=1).numpy()


def test_by_elements_each_has_its_own_canonical_temperature() -> None:
    """O and H start far apart; each relaxes to 300 K with its own width, and the momentum stays zero."""
    cell = random_state(11)
    spec, positions = replicate(spec_of(cell), cell.positions, (2, 2, 4))
    state = spec.state(positions.numpy(), np.zeros(positions.shape))
    state = thermal_velocities(state, T, torch.Generator().manual_seed(11))
    oxygen = state.numbers == 8
    state = set_momentum(replace(state, velocities=torch.where(oxygen[:, None], 0.3, 2.0) * state.velocities))
    rng, energies = torch.Generator().manual_seed(12), []
    taken = float(3 * state.masses[oxygen].sum() / state.masses.sum())
    own = np.array([3 * 128 - 3 + taken, 3 * 64 - taken])
    for _ in range(6000):
        state = apply(csvr_elements, state, rng, tau_fs=10.0, interval_fs=2.0)
        energies.append(element_energies(state)[0])
    apart = 2 * np.array(energies)[100::15] / own
    for column, n in enumerate(own):
        assert abs(apart[:, column].mean() - 1) < 4 * np.sqrt(2 / n / len(apart))
        assert abs(apart[:, column].std(ddof=1) / np.sqrt(2 / n) - 1) < 4 / np.sqrt(2 * len(apart))
    assert momentum(state).abs().max() < 1e-12


@pytest.mark.parametrize("length", [6.0, None], ids=["periodic", "vacuum"])
@pytest.mark.parametrize("name", ["csvr", "csvr_elements"])
def test_a_canonical_ensemble_of_a_small_molecule_stays_one(name: str, length: float | None) -> None:
    """One O among few H, one N alone: strong coupling must not change any element's mean or width."""
    one = random_state(3, length=length)
    numbers, masses = one.numbers.clone(), one.masses.clone()
    numbers[0], masses[0] = 7, 14.007
    one = replace(one, numbers=numbers, masses=masses)
    n, rng = 20000, torch.Generator().manual_seed(4)
    before, fresh = (thermal_velocities(join([one] * n), T, torch.Generator().manual_seed(s)) for s in (5, 6))
    after = before
    for _ in range(3):
        after = apply(named_module("rollout.rules.thermostats", name), after, rng, tau_fs=2.0, interval_fs=4.0)
    found, expected = element_energies(after), element_energies(fresh)
    error = np.sqrt((found.var(0) + expected.var(0)) / n)
    assert np.all(np.abs(found.mean(0) - expected.mean(0)) < 4 * error)
    for column in range(found.shape[1]):
        assert stats.ks_2samp(found[:, column], expected[:, column]).pvalue > 1e-3
    total = stats.kstest(
        2 * kinetic_energy(after).numpy(), stats.chi2(float(degrees_of_freedom(one)[0]), scale=BOLTZMANN * T).cdf
    )
    assert total.pvalue > 1e-3


THERMOSTATS = sorted(module.name for module in pkgutil.iter_modules(thermostats.__path__))


@pytest.mark.parametrize("name", THERMOSTATS)
def test_molecule_in_vacuum_is_not_set_turning_or_drifting(name: str) -> None:
    state = thermal_velocities(random_state(5, length=None), T, torch.Generator().manual_seed(5))
    rng = torch.Generator().manual_seed(6)
    for _ in range(50):
        state = apply(named_module("rollout.rules.thermostats", name), state, rng, tau_fs=10.0, interval_fs=2.0)
    assert momentum(state).abs().max() < 1e-12
    assert angular_momentum(state).abs().max() < 1e-11  # Å times that of the momentum


@pytest.mark.parametrize("name", THERMOSTATS)
def test_every_thermostat_takes_its_noise_and_treats_systems_apart(name: str) -> None:
    """What every file of the folder promises: a system's velocities depend on its own state and noise alone."""
    thermostat = named_module("rollout.rules.thermostats", name)
    states = [
        thermal_velocities(random_state(s, length=6.0 + s), T, torch.Generator().manual_seed(s)) for s in (1, 2, 3)
    ]
    dof = degrees_of_freedom(states[0])
    shape = thermostat.noise_shape(states[0], dof)
    normal = torch.randn(3, *shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    assert thermostat.noise_shape(join(states), degrees_of_freedom(join(states))) == shape
    settings = {"temperature_K": T, "tau_fs": 10.0, "interval_fs": 2.0}
    together = thermostat.apply(join(states), **settings, degrees_of_freedom=dof.repeat(3), normal=normal)
    for k, state in enumerate(states):
        alone = thermostat.apply(state, **settings, degrees_of_freedom=dof, normal=normal[k : k + 1])
        torch.testing.assert_close(together.velocities.view(3, 12, 3)[k], alone.velocities, rtol=1e-13, atol=0)
        other = thermostat.apply(state, **settings, degrees_of_freedom=dof, normal=-normal[k : k + 1])
        assert not torch.allclose(other.velocities, alone.velocities)
        assert momentum(alone).abs().max() < 1e-13
