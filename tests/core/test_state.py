"""States: joining, sums over systems, conversion."""

import dataclasses

import pytest
import torch

from trajcast.core.state import join, single_system, system_sum


def state(atoms: int, seed: int, pbc: bool = True):
    rng = torch.Generator().manual_seed(seed)
    return single_system(
        positions=torch.randn(atoms, 3, generator=rng, dtype=torch.float64),
        velocities=torch.randn(atoms, 3, generator=rng, dtype=torch.float64),
        masses=torch.rand(atoms, generator=rng, dtype=torch.float64) + 1,
        numbers=torch.arange(1, atoms + 1),
        cell=torch.eye(3, dtype=torch.float64) * (5 + seed),
        pbc=torch.full((3,), pbc),
    )


def test_join_keeps_systems_apart_and_in_order():
    parts = [state(3, 1), state(5, 2, pbc=False), state(1, 3)]
    joined = join(parts)
    assert (joined.n_systems, joined.n_atoms) == (3, 9)
    assert joined.system_idx.tolist() == [0] * 3 + [1] * 5 + [2]
    for index, part in enumerate(parts):
        own = joined.system_idx == index
        assert torch.equal(joined.positions[own], part.positions)
        assert torch.equal(joined.velocities[own], part.velocities)
        assert torch.equal(joined.numbers[own], part.numbers)
        assert torch.equal(joined.cell[index], part.cell[0])
        assert torch.equal(joined.pbc[index], part.pbc[0])


def test_joining_joined_states_is_joining_all_at_once():
    a, b, c = state(2, 1), state(3, 2), state(4, 3)
    nested, flat = join([join([a, b]), join([c, a])]), join([a, b, c, a])
    for name in flat.__slots__:
        assert torch.equal(getattr(nested, name), getattr(flat, name))


@pytest.mark.parametrize("trailing", [(), (3,), (2, 4)])
def test_system_sum_adds_each_systems_atoms(trailing):
    parts = [state(3, 1), state(5, 2), state(1, 3)]
    values = torch.randn(9, *trailing, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    expected = torch.stack([part.sum(0) for part in values.split([3, 5, 1])])
    torch.testing.assert_close(system_sum(values, join(parts)), expected)


def test_system_sum_counts_a_system_without_atoms_as_zero():
    lonely = dataclasses.replace(join([state(2, 1), state(2, 2)]), system_idx=torch.tensor([1, 1, 1, 1]))
    assert system_sum(torch.ones(4), lonely).tolist() == [0, 4]


def test_conversion_touches_real_numbers_only():
    single = state(3, 1).to(dtype=torch.float32)
    reals = {"positions", "velocities", "masses", "cell"}
    for name in single.__slots__:
        assert (getattr(single, name).dtype == torch.float32) == (name in reals)
    assert single.numbers.dtype == torch.long


def test_a_state_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        state(3, 1).positions = torch.zeros(3, 3)
