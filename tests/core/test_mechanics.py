"""Momenta, degrees of freedom and thermal velocities against closed forms, symmetries and distributions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from trajcast.core.mechanics import (
    angular_momentum,
    center_of_mass,
    degrees_of_freedom,
    inertia,
    kinetic_energy,
    momentum,
    set_angular_momentum,
    set_momentum,
    temperature,
    thermal_velocities,
)
from trajcast.core.state import join, single_system
from trajcast.core.units import BOLTZMANN, KINETIC

WATER = torch.tensor([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]], dtype=torch.float64)
CARBON_DIOXIDE = torch.tensor([[0.0, 0.0, 0.0], [1.16, 0.0, 0.0], [-1.16, 0.0, 0.0]], dtype=torch.float64)
WATER_MASSES, CARBON_DIOXIDE_MASSES = [15.999, 1.008, 1.008], [12.011, 15.999, 15.999]


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def system(positions, masses, pbc=False, seed=1):
    velocities = 0.01 * torch.randn(positions.shape, generator=generator(seed + 1000), dtype=positions.dtype)
    return single_system(
        positions=positions,
        velocities=velocities,
        masses=torch.tensor(masses, dtype=positions.dtype),
        numbers=torch.tensor([round(m / 2) if m > 2 else 1 for m in masses]),
        cell=torch.eye(3, dtype=positions.dtype) * (9.0 if pbc else 0.0),
        pbc=torch.full((3,), pbc),
    )


def cluster(atoms=20, pbc=False, seed=1):
    """Atoms at random, half of them 16 times as heavy as the others."""
    positions = 3 * torch.randn(atoms, 3, generator=generator(seed), dtype=torch.float64)
    return system(positions, [16.0, 1.0] * (atoms // 2), pbc, seed)


def rotation(seed=1):
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator(seed), dtype=torch.float64))
    return q * torch.sign(torch.diagonal(r))  # proper or not


def turned(state, matrix):
    return replace(state, positions=state.positions @ matrix.T, velocities=state.velocities @ matrix.T)


def test_two_bodies_by_hand():
    state = system(torch.tensor([[1.0, 0, 0], [-2.0, 0, 0]], dtype=torch.float64), [2.0, 1.0])
    state = replace(state, velocities=torch.tensor([[0.0, 0.3, 0.0], [0.0, -0.6, 0.1]], dtype=torch.float64))
    torch.testing.assert_close(momentum(state), torch.tensor([[0, 0, 0.1]], dtype=torch.float64))
    torch.testing.assert_close(center_of_mass(state), torch.zeros(1, 3, dtype=torch.float64))
    torch.testing.assert_close(angular_momentum(state), torch.tensor([[0, 0.2, 1.8]], dtype=torch.float64))
    torch.testing.assert_close(inertia(state)[0].diagonal(), torch.tensor([0, 6.0, 6.0], dtype=torch.float64))
    expected = KINETIC * 0.5 * (2 * 0.09 + 0.36 + 0.01)
    torch.testing.assert_close(kinetic_energy(state), torch.tensor([expected], dtype=torch.float64))


@pytest.mark.parametrize("pbc", [True, False])
def test_momentum_is_set_by_one_common_velocity(pbc):
    state, target = cluster(pbc=pbc), torch.tensor([[0.3, -0.2, 0.1]], dtype=torch.float64)
    moved = set_momentum(state, target)
    torch.testing.assert_close(momentum(moved), target)
    change = moved.velocities - state.velocities
    torch.testing.assert_close(change, change[:1].expand_as(change))
    torch.testing.assert_close(momentum(set_momentum(state)), torch.zeros_like(target), rtol=0, atol=1e-14)


def test_angular_momentum_is_set_without_moving_the_momentum():
    state, target = cluster(), torch.tensor([[0.3, -2.0, 0.1]], dtype=torch.float64)
    spun = set_angular_momentum(state, target)
    torch.testing.assert_close(angular_momentum(spun), target)
    torch.testing.assert_close(momentum(spun), momentum(state))
    torch.testing.assert_close(
        angular_momentum(set_angular_momentum(state)), torch.zeros_like(target), rtol=0, atol=1e-12
    )


def test_setting_angular_momentum_is_a_rigid_rotation():
    state = cluster()
    change = set_angular_momentum(state).velocities - state.velocities
    r = state.positions
    closing = ((r[:, None] - r[None]) * (change[:, None] - change[None])).sum(-1)  # rate of all squared distances
    torch.testing.assert_close(closing, torch.zeros_like(closing), rtol=0, atol=1e-14)


def test_zeroing_never_adds_kinetic_energy():
    state = cluster()
    assert kinetic_energy(set_momentum(state)) < kinetic_energy(state)
    assert kinetic_energy(set_angular_momentum(set_momentum(state))) < kinetic_energy(set_momentum(state))


def test_angular_momentum_of_a_periodic_system_is_left_alone():
    state = cluster(pbc=True)
    assert torch.equal(set_angular_momentum(state).velocities, state.velocities)


def test_a_linear_molecule_keeps_finite_velocities():
    state = set_angular_momentum(system(CARBON_DIOXIDE @ rotation().T, CARBON_DIOXIDE_MASSES))
    torch.testing.assert_close(angular_momentum(state), torch.zeros(1, 3, dtype=torch.float64), rtol=0, atol=1e-12)
    assert state.velocities.abs().max() < 0.1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("positions", "masses", "pbc", "expected"),
    [
        (WATER, WATER_MASSES, True, 6),
        (WATER, WATER_MASSES, False, 3),
        (CARBON_DIOXIDE, CARBON_DIOXIDE_MASSES, True, 6),
        (CARBON_DIOXIDE, CARBON_DIOXIDE_MASSES, False, 4),
        (CARBON_DIOXIDE[:2], CARBON_DIOXIDE_MASSES[:2], False, 1),
    ],
)
def test_degrees_of_freedom_whatever_the_orientation(positions, masses, pbc, expected, dtype):
    for seed in range(20):
        state = system((positions @ rotation(seed).T + 20.0).to(dtype), masses, pbc)
        assert degrees_of_freedom(state).item() == expected


def test_one_periodic_direction_is_enough_to_stop_turning():
    state = replace(cluster(), pbc=torch.tensor([[False, False, True]]))
    assert degrees_of_freedom(state).item() == 57


@pytest.mark.parametrize("improper", [False, True])
def test_everything_turns_with_the_system(improper):
    matrix = rotation(5)
    matrix = matrix if (torch.linalg.det(matrix) < 0) == improper else -matrix
    state, sign = cluster(), torch.linalg.det(matrix)
    torch.testing.assert_close(momentum(turned(state, matrix)), momentum(state) @ matrix.T)
    torch.testing.assert_close(angular_momentum(turned(state, matrix)), sign * angular_momentum(state) @ matrix.T)
    torch.testing.assert_close(inertia(turned(state, matrix)), matrix @ inertia(state) @ matrix.T)
    torch.testing.assert_close(kinetic_energy(turned(state, matrix)), kinetic_energy(state))
    torch.testing.assert_close(
        set_angular_momentum(turned(state, matrix)).velocities, set_angular_momentum(state).velocities @ matrix.T
    )


def test_systems_of_a_batch_do_not_feel_each_other():
    states = [
        cluster(pbc=True),
        cluster(seed=2),
        system(CARBON_DIOXIDE, CARBON_DIOXIDE_MASSES),
        system(WATER, WATER_MASSES, True),
    ]
    batch = join(states)
    for function in (momentum, angular_momentum, inertia, kinetic_energy, degrees_of_freedom, temperature):
        torch.testing.assert_close(function(batch), torch.cat([function(state) for state in states]))
    for function in (set_momentum, set_angular_momentum):
        torch.testing.assert_close(
            function(batch).velocities, torch.cat([function(state).velocities for state in states])
        )


def thermal_copies(state, copies, temperature_K=300.0):
    return thermal_velocities(join([state] * copies), temperature_K, generator(7))


@pytest.mark.parametrize("pbc", [True, False])
def test_thermal_velocities_have_no_net_motion(pbc):
    states = thermal_copies(cluster(pbc=pbc), 10)
    torch.testing.assert_close(momentum(states), torch.zeros(10, 3, dtype=torch.float64), rtol=0, atol=1e-13)
    if not pbc:
        zero = torch.zeros(10, 3, dtype=torch.float64)
        torch.testing.assert_close(angular_momentum(states), zero, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("state", "dof"),
    [
        (cluster(pbc=True), 57),
        (cluster(), 54),
        (system(WATER, WATER_MASSES), 3),
        (system(CARBON_DIOXIDE, CARBON_DIOXIDE_MASSES), 4),
        (system(WATER, WATER_MASSES, pbc=True), 6),
    ],
)
def test_kinetic_energy_is_canonical(state, dof):
    """2 K / k T follows the χ² distribution of the remaining degrees of freedom."""
    copies = 4000
    values = (2 * kinetic_energy(thermal_copies(state, copies)) / (BOLTZMANN * 300)).numpy()
    assert values.mean() == pytest.approx(dof, abs=4 * np.sqrt(2 * dof / copies))
    assert stats.kstest(values, stats.chi2(dof).cdf).pvalue > 0.01


@pytest.mark.parametrize("pbc", [True, False])
def test_temperature_has_its_mean_and_width(pbc):
    state, copies = cluster(pbc=pbc), 4000
    values = temperature(thermal_copies(state, copies)).numpy()
    width = 300 * np.sqrt(2 / degrees_of_freedom(state).item())
    assert values.mean() == pytest.approx(300, abs=4 * width / np.sqrt(copies))
    assert values.std() == pytest.approx(width, rel=4 / np.sqrt(2 * copies))


def test_light_and_heavy_atoms_are_equally_hot():
    """Each velocity component of a periodic system is Gaussian of variance (k T / m)(1 − m / M)."""
    state, copies = cluster(pbc=True), 2000
    velocities = thermal_copies(state, copies).velocities.reshape(copies, -1, 3).numpy()
    total = state.masses.sum().item()
    for mass in (16.0, 1.0):
        sigma = np.sqrt(BOLTZMANN * 300 / (KINETIC * mass) * (1 - mass / total))
        own = velocities[:, state.masses.numpy() == mass] / sigma
        # One atom and direction per copy: independent samples, as the test wants them.
        assert stats.kstest(own[:, 0, 0], stats.norm.cdf).pvalue > 0.01
        # Correlations of −m/M between components only shrink the error of the mean square.
        assert np.mean(own**2) == pytest.approx(1, abs=4 * np.sqrt(2 / own.size))


def test_the_generator_alone_decides():
    state = cluster()
    first, again = (thermal_velocities(state, 300.0, generator(3)).velocities for _ in range(2))
    other = thermal_velocities(state, 300.0, generator(4)).velocities
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    copies = thermal_copies(state, 2).velocities
    assert not torch.equal(copies[:20], copies[20:])
