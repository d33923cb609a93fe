"""Batches whose neighbours were found once are those found anew; unused capacity changes nothing."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_dataset import small_dataset
from torch.utils._python_dispatch import TorchDispatchMode

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.core.system_spec import SystemSpec
from trajcast.data.dataset import Dataset, Pairs
from trajcast.model.network import TrajCast
from trajcast.training import batches as batches_module
from trajcast.training import loop
from trajcast.training.batches import Batches
from trajcast.training.flat_parameters import FlatParameters
from trajcast.training.loss import loss_of
from trajcast.training.scales import scales_of

NETWORK = NetworkSettings(cutoff_A=3.0, channels=4, l_max=1, layers=2, radial_mlp=[8, 4], speed_mlp=[8, 4])
SETTINGS = TrainingSettings(network=NETWORK, samples=24, seed=3, batch_size=5, max_epochs=2, ema_decay=0.9)
CHOSEN = np.array([2, 3, 17])


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours are kept as on a GPU."""
    monkeypatch.setitem(batches_module.KEPT_BYTES, "cpu", batches_module.KEPT_BYTES["cuda"])


def model_of(dataset: Dataset, cutoff: float) -> TrajCast:
    scales = replace(scales_of(dataset, SETTINGS), cutoff=cutoff)
    return TrajCast(NETWORK, scales, torch.Generator().manual_seed(1))


def edges(neighbors: Neighbors) -> np.ndarray:
    """Atom, neighbour and vector of each edge that is used, in a fixed order."""
    used = slice(0, int(neighbors.first[-1]))
    columns = neighbors.atoms[used, None], neighbors.index[used, None], neighbors.vectors[used]
    table = torch.cat([column.double() for column in columns], dim=1).numpy()
    return table[np.lexsort(table.round(4).T[::-1])]


@pytest.mark.parametrize(
    ("cell", "pbc"),
    [
        (np.diag([5.0, 6.0, 7.0]), (True, True, True)),
        (np.array([[5.0, 0, 0], [2.0, 5.5, 0], [-1.5, 1.0, 6.0]]), (True, True, True)),
        (np.diag([5.0, 0, 7.0]), (True, False, True)),
        (np.diag([5.0, 6.0, 7.0]), (True, False, True)),
        (np.zeros((3, 3)), (False, False, False)),
    ],
    ids=["box", "triclinic", "slab", "slab with a height", "molecule"],
)
@pytest.mark.parametrize("cutoff", [2.0, 6.5])
def test_kept_neighbors_are_those_found_anew(
    tmp_path: Path, cell: np.ndarray, pbc: tuple[bool, bool, bool], cutoff: float
) -> None:
    """Atoms far outside the cell, cutoffs below and above its size, samples with different numbers of neighbours."""
    dataset = small_dataset(tmp_path / "d.h5")
    rng = np.random.default_rng(1)
    spec = SystemSpec(
        numbers=np.array([8, 1, 1, 8, 1, 1]),
        masses=np.array([16.0, 1, 1, 16, 1, 1]),
        cell=cell,
        pbc=np.array(pbc),
    )
    shape = (24, 6, 3)
    places = rng.uniform(0, 6, shape) + np.round(rng.normal(0, 40, shape)) @ (cell * np.array(pbc)[:, None])
    arrays = {name: rng.normal(0, 1, shape).astype(np.float32) for name in ("velocities", "displacements")}
    numbers = {"frames": np.arange(24), "sources": np.zeros(24, int)}
    pairs = Pairs(
        spec=spec,
        positions=places.astype(np.float32),
        new_velocities=arrays["velocities"],
        **arrays,
        **numbers,
    )
    prepared = Batches(pairs, model_of(dataset, cutoff))
    state, displacement, velocity = pairs.batch(CHOSEN)
    anew = find_neighbors(state, cutoff)
    batch = prepared.batch(CHOSEN)
    assert torch.equal(batch.neighbors.first, anew.first)
    np.testing.assert_allclose(edges(batch.neighbors), edges(anew), atol=1e-9)
    assert torch.equal(batch.displacement, displacement)
    assert torch.equal(batch.velocity, velocity)
    assert torch.equal(batch.state.velocities, state.velocities)
    padded = prepared.padded(torch.as_tensor(CHOSEN))
    np.testing.assert_allclose(edges(padded.neighbors), edges(anew), atol=1e-9)
    edge_capacity = padded.neighbors.vectors[int(anew.first[-1]) :]
    assert torch.equal(
        torch.linalg.vector_norm(edge_capacity, dim=1), torch.full((len(edge_capacity),), cutoff, dtype=torch.float64)
    )
    assert padded.neighbors.index.min() >= 0
    assert padded.neighbors.index.max() < state.n_atoms
    other = prepared.padded(torch.tensor([0, 1, 4]))
    assert other.neighbors.index.shape == padded.neighbors.index.shape


@pytest.mark.parametrize("backend", ["dense", None])
def test_padded_batches_give_the_same_weights(tmp_path: Path, backend: str | None) -> None:
    """What is captured on a GPU, step by step on the CPU."""
    dataset = small_dataset(tmp_path / "d.h5")
    loss, trained = loss_of(dataset, SETTINGS), []
    for padded in (False, True):
        model = model_of(dataset, NETWORK.cutoff_A)
        model.backend = backend
        prepared, weights = Batches(dataset.split("training"), model), FlatParameters(model, SETTINGS)
        for start in range(0, 24, 3):
            chosen = np.arange(start, start + 3)
            batch = prepared.padded(torch.as_tensor(chosen)) if padded else prepared.batch(chosen)
            weights.differentiate(batch, loss)
            weights.rate.fill_(0.01)
        weights.step(torch.tensor(True))
        trained.append(weights)
    torch.testing.assert_close(trained[0].vector, trained[1].vector, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(trained[0].averages, trained[1].averages, rtol=1e-9, atol=1e-11)
    assert not torch.equal(trained[0].vector, trained[0].averages)


class Waits(TorchDispatchMode):
    """Notes operations that take a number from the device or bring one there: none can be captured."""

    NAMES = frozenset({"_local_scalar_dense", "nonzero", "masked_select", "equal", "lift_fresh", "_unique2"})

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.operations += 1
        if func.overloadpacket.__name__ in self.NAMES:
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("isolated", [False, True])
def test_a_padded_update_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated: bool) -> None:
    # only on a CPU this looks at the values to check them
    monkeypatch.setattr(torch.nn.functional, "one_hot", lambda x, n: (x[:, None] == torch.arange(n)).long())
    dataset = small_dataset(tmp_path / "d.h5")
    pairs = dataset.split("training")
    if isolated:
        nowhere = replace(pairs.spec, cell=np.zeros((3, 3)), pbc=np.zeros(3, bool))
        pairs = replace(pairs, spec=nowhere)
    model = model_of(dataset, NETWORK.cutoff_A)
    model.backend = "dense"
    prepared, weights, chosen = Batches(pairs, model), FlatParameters(model, SETTINGS), torch.as_tensor(CHOSEN)
    for waits in (contextlib.nullcontext(), Waits()):  # the first time constants are made
        with waits:
            weights.differentiate(prepared.padded(chosen), loss_of(dataset, SETTINGS))
    assert waits.operations > 100
    assert waits.seen == []


def test_lists_too_large_to_keep_are_found_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, found = small_dataset(tmp_path / "d.h5"), []
    for at_most in (batches_module.KEPT_BYTES["cpu"], 1, 0):
        monkeypatch.setitem(batches_module.KEPT_BYTES, "cpu", at_most)
        loop.train(SETTINGS, dataset, tmp_path / str(at_most))
        found.append((tmp_path / str(at_most) / "model.safetensors").read_bytes())
    assert found[0] == found[1] == found[2]


def test_a_step_is_that_of_separate_weights(tmp_path: Path) -> None:
    """One vector and one average do what torch's Adam and AveragedModel do with every weight by itself."""
    dataset = small_dataset(tmp_path / "d.h5")
    loss = loss_of(dataset, SETTINGS)
    one, other = model_of(dataset, NETWORK.cutoff_A), model_of(dataset, NETWORK.cutoff_A)
    weights = FlatParameters(one, replace(SETTINGS, optimizer="adam"))
    prepared = Batches(dataset.split("training"), one)
    optimizer = torch.optim.Adam(other.parameters(), lr=0.01, amsgrad=True, fused=True)
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(SETTINGS.ema_decay)
    averages = [p.detach().clone() for p in other.parameters()]
    for start in range(4):
        batch = prepared.batch(np.array([start, start + 5]))
        weights.differentiate(batch, loss)
        weights.rate.fill_(0.01)
        weights.step(torch.tensor(True))
        optimizer.zero_grad()
        loss(other(batch.state, batch.neighbors), batch.displacement, batch.velocity, batch.state.masses).backward()
        optimizer.step()
        average(averages, [p.detach() for p in other.parameters()], None)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    for a, b in zip(weights.averaged.parameters(), averages, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-14, atol=1e-16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_captured_updates_give_the_weights_of_eager_ones(tmp_path: Path) -> None:
    """On a GPU all but the last batch of an epoch are played back; on the CPU none is."""
    dataset, trained = small_dataset(tmp_path / "d.h5"), []
    for device in ("cpu", "cuda"):
        loop.train(SETTINGS, dataset, tmp_path / device, device)
        trained.append(load_file(tmp_path / device / "model.safetensors"))
    for name, weight in trained[0].items():
        torch.testing.assert_close(weight, trained[1][name], rtol=1e-8, atol=1e-10)
