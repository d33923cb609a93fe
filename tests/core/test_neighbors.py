"""Neighbours found in torch alone against those that vesin finds, for every kind of cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_systems import normal

from trajcast.core.neighbors import cell_list
from trajcast.core.neighbors.cell_list import DeviceSearch, device_search
from trajcast.core.neighbors.find import _with_torch, _with_vesin, find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.state import State, join, single_system

CUTOFF = 3.0
TRICLINIC = [[9.5, 0.0, 0.0], [3.1, 8.7, 0.0], [-2.2, 2.6, 10.3]]
CELLS: dict[str, tuple[list[list[float]], list[bool]]] = {
    "cube of two bins": ((6.5 * np.eye(3)).tolist(), [True] * 3),
    "many bins": (np.diag([13.0, 9.5, 16.0]).tolist(), [True] * 3),
    "thinner than the cutoff": (np.diag([2.1, 4.0, 7.0]).tolist(), [True] * 3),
    "triclinic": (TRICLINIC, [True] * 3),
    "flat triclinic": ([[5.0, 0.0, 0.0], [4.6, 1.9, 0.0], [1.0, 0.4, 9.0]], [True] * 3),
    "left-handed": (np.array(TRICLINIC)[[1, 0, 2]].tolist(), [True] * 3),
    "slab": (TRICLINIC, [True, True, False]),
    "slab along another direction": ([[9.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, -1.0, 4.0]], [True, False, True]),
    "wire": ([[0.0, 0.0, 0.0], [0.3, 4.1, -0.2], [0.0, 0.0, 0.0]], [False, True, False]),
    "vacuum": (np.zeros((3, 3)).tolist(), [False] * 3),
}


def atoms_in(name: str, atoms: int = 40, seed: int = 1) -> State:
    """Atoms at random in a cell of `CELLS` and outside it, whole cells away along periodic directions."""
    rng = torch.Generator().manual_seed(seed)
    rows, flags = CELLS[name]
    cell, pbc = torch.tensor(rows, dtype=torch.float64), torch.tensor(flags)
    box = torch.where(pbc[:, None], cell, 6.0 * torch.eye(3, dtype=torch.float64))
    positions = torch.rand(atoms, 3, generator=rng, dtype=torch.float64) @ box
    away = torch.randint(-3, 4, (atoms, 3), generator=rng) * pbc
    return single_system(
        positions=positions + away.double() @ cell,
        velocities=normal(atoms, rng),
        masses=torch.ones(atoms, dtype=torch.float64),
        numbers=torch.ones(atoms, dtype=torch.long),
        cell=cell,
        pbc=pbc,
    )


def edges(neighbors: Neighbors) -> np.ndarray:
    """Rows of atom, neighbour and vector in one order; without unused capacity."""
    used = torch.linalg.vector_norm(neighbors.vectors.double(), dim=1) < neighbors.cutoff * (1 - 1e-12)
    pairs = torch.stack([neighbors.atoms, neighbors.index], dim=1).double()
    rows = torch.cat([pairs, neighbors.vectors.double().round(decimals=9) + 0.0], dim=1)[used].numpy()
    return rows[np.lexsort(rows.T[::-1])]


def assert_same(found: Neighbors, expected: Neighbors) -> None:
    np.testing.assert_allclose(edges(found), edges(expected), rtol=0, atol=2e-9)


@pytest.mark.parametrize("name", list(CELLS))
def test_same_as_vesin(name: str) -> None:
    state = atoms_in(name)
    assert_same(device_search(state, CUTOFF)(state.positions).neighbors, _with_vesin(state, CUTOFF))


def test_systems_of_a_batch_see_only_themselves() -> None:
    state = join([atoms_in(name, atoms=10 + 3 * k, seed=k) for k, name in enumerate(CELLS)])
    found = device_search(state, CUTOFF)(state.positions).neighbors
    assert_same(found, _with_vesin(state, CUTOFF))
    assert torch.equal(state.system_idx[found.index], state.system_idx[found.atoms])


def test_atoms_move_through_walls_and_bins() -> None:
    """One search serves all states of its systems; growth keeps up with what they need."""
    state = atoms_in("triclinic", atoms=60)
    search, rng, with_capacity = device_search(state, CUTOFF), torch.Generator().manual_seed(3), 0
    for _ in range(20):
        state = replace(state, positions=state.positions + 1.5 * normal(60, rng))
        found = search(state.positions)
        if missing(search, found.required_capacity):
            search, with_capacity = search.with_capacity(found.required_capacity.tolist()), with_capacity + 1
            found = search(state.positions)
            assert not missing(search, found.required_capacity)
        assert_same(found.neighbors, _with_vesin(state, CUTOFF))
    assert with_capacity


def missing(search: DeviceSearch, required_capacity: torch.Tensor) -> bool:
    return bool((required_capacity > torch.tensor([search.max_neighbors, search.bin_capacity])).any())


@pytest.mark.parametrize("short", ["max_neighbors", "bin_capacity"])
def test_what_does_not_fit_is_noticed_and_its_size_told(short: str) -> None:
    state = atoms_in("many bins", atoms=300)
    enough = device_search(state, CUTOFF)
    assert not missing(enough, enough(state.positions).required_capacity)
    tight = replace(enough, **{short: getattr(enough, short) - 1})
    required_capacity = tight(state.positions).required_capacity
    assert missing(tight, required_capacity)
    assert required_capacity[["max_neighbors", "bin_capacity"].index(short)] == getattr(enough, short)


def test_shapes_and_room_that_is_not_used() -> None:
    state = atoms_in("cube of two bins", atoms=20)
    search = replace(device_search(state, CUTOFF), max_neighbors=50)
    found = search(state.positions)
    neighbors = found.neighbors
    assert torch.equal(neighbors.first, 50 * torch.arange(21))
    used = torch.arange(50) < found.count_N[:, None]
    assert torch.equal(neighbors.index.view(20, 50)[~used], torch.arange(20)[:, None].expand(20, 50)[~used])
    lengths = torch.linalg.vector_norm(neighbors.vectors, dim=1).view(20, 50)
    assert (lengths[used] < CUTOFF).all()
    assert (lengths[~used] == CUTOFF).all()


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    state = atoms_in("triclinic")
    search = device_search(state, CUTOFF)
    whole = search(state.positions)
    monkeypatch.setattr(cell_list, "CANDIDATES", 3 * search.bin_capacity * search.around_GI.shape[1])
    parts = search(state.positions)
    assert torch.equal(whole.neighbors.index, parts.neighbors.index)
    assert torch.equal(whole.neighbors.vectors, parts.neighbors.vectors)
    assert torch.equal(whole.required_capacity, parts.required_capacity)


def test_vectors_are_exact_whatever_the_dtype_and_the_distance_from_the_cell() -> None:
    state = atoms_in("triclinic")
    far = replace(state, positions=state.positions + 1000 * state.cell[0].sum(0))
    assert_same(device_search(far, CUTOFF)(far.positions).neighbors, _with_vesin(state, CUTOFF))
    single = state.to(dtype=torch.float32)
    found = device_search(single, CUTOFF)(single.positions).neighbors
    assert found.vectors.dtype == torch.float32
    expected = _with_vesin(single.to(dtype=torch.float64), CUTOFF)
    np.testing.assert_allclose(edges(found), edges(expected), atol=2e-7)


@pytest.mark.parametrize("name", ["triclinic", "vacuum"])
def test_without_vesin_the_list_is_as_full(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = join([atoms_in(name, atoms=30), atoms_in(name, atoms=1)])
    expected, found = _with_vesin(state, CUTOFF), _with_torch(state, CUTOFF)
    assert_same(found, expected)
    assert torch.equal(found.first, expected.first)
    monkeypatch.setattr("trajcast.core.neighbors.find.find_spec", lambda name: None)
    assert torch.equal(find_neighbors(state, CUTOFF).vectors, found.vectors)
