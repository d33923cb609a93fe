"""Imported checkpoints of IBM's trajcast 1.x against a spelling of theirs in plain torch, with every backend."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from ase import Atoms
from released_forward import Step, Weights, forward, random_checkpoint
from torch import Tensor

from trajcast.config.validation import validate
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.plugins import named_module
from trajcast.core.state import State, single_system
from trajcast.model import ops
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.model.ops import cuequivariance
from trajcast.model.released import Configuration, import_model, read_configuration
from trajcast.model.store import load_model, save_model

EXACT = 1e-8
ELEMENTS = [8, 1, 14]  # in the order of the checkpoint's types, which need not ascend
MASSES = {1: 1.008, 8: 15.999, 14: 28.085}
ZERO = [0.0, 0.0, 0.0]
SHARED = Path(__file__).parents[3] / "shared/ibm"


def configuration(**changes: Any) -> dict[str, Any]:
    return {
        "num_chem_elements": 3, "edge_cutoff": 3.5, "avg_num_neighbors": 7.5, "num_edge_rbf": 3,
        "num_edge_poly_cutoff": 5, "vel_max": 0.1, "num_vel_rbf": 4, "max_rotation_order": 2, "num_hidden_channels": 4,
        "num_mp_layers": 2, "edge_mlp_kwargs": {"n_neurons": [5, 6], "activation": "silu"},
        "vel_mlp_kwargs": {"n_neurons": [7], "activation": "silu"},
        "nl_gate_kwargs": {"activation_scalars": {"e": "silu", "o": "tanh"}, "activation_gates": {"e": "silu"}},
        "conserve_ang_mom": False, "net_lin_mom": ZERO, "o3_backend": "e3nn", **changes,
    }  # fmt: skip


SMALLEST = configuration(max_rotation_order=1, num_mp_layers=1)


def random_configuration(seed: int) -> dict[str, Any]:
    """Any sizes."""
    rng = np.random.default_rng(seed)

    def size(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    return configuration(
        max_rotation_order=1 + seed % 3,
        num_hidden_channels=size(4, 18),
        num_mp_layers=size(1, 3),
        num_edge_rbf=size(1, 9),
        num_edge_poly_cutoff=size(3, 8),
        num_vel_rbf=size(1, 9),
        edge_mlp_kwargs={"n_neurons": [size(2, 20) for _ in range(size(1, 4))], "activation": "silu"},
        vel_mlp_kwargs={"n_neurons": [size(2, 20) for _ in range(size(1, 4))], "activation": "silu"},
        avg_num_neighbors=float(rng.uniform(2, 20)),
    )


def random_state(*, pbc: bool, momentum: bool = False) -> State:
    """Eleven atoms of three elements, at random; P is zero unless `momentum`."""
    rng = np.random.default_rng(3)
    numbers = np.resize([1, 8, 14, 8, 1], 11)
    grid = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1, 2], indexing="ij"), axis=-1).reshape(-1, 3)[:11]
    masses = np.array([MASSES[z] for z in numbers])
    velocities = rng.normal(0, 0.02, (11, 3))
    if not momentum:
        velocities -= masses @ velocities / masses.sum()
    return single_system(
        positions=torch.as_tensor(2.0 * grid + rng.normal(0, 0.2, (11, 3))),
        velocities=torch.as_tensor(velocities),
        masses=torch.as_tensor(masses),
        numbers=torch.as_tensor(numbers),
        cell=torch.diag(torch.tensor([5.0, 5.0, 7.0], dtype=torch.float64)) * pbc,
        pbc=torch.full((3,), pbc),
    )


def expected(weights: Weights, config: dict[str, Any], state: State) -> Step:
    numbers, positions = state.numbers.numpy(), state.positions.numpy()
    atoms = Atoms(numbers, positions, cell=state.cell[0].numpy(), pbc=state.pbc[0].numpy())
    types = torch.tensor([ELEMENTS.index(z) for z in state.numbers.tolist()])
    return forward(weights, config, types, state.masses, atoms, state.velocities)


def imported(weights: Weights, config: dict[str, Any], folder: Path) -> TrajCast:
    torch.save(weights, folder / "weights.pt")
    return import_model(folder / "weights.pt", validate(Configuration, config, "configuration"), ELEMENTS)


@torch.no_grad()
def deviation(model: TrajCast, state: State, wanted: tuple[Tensor, Tensor]) -> float:
    """Largest relative error of displacements and new velocities."""
    found = model(state, find_neighbors(state, model.scales.cutoff))
    pairs = zip((found.displacement, found.velocity), wanted, strict=True)
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


@pytest.fixture(params=ops.names())
def backend(request: pytest.FixtureRequest) -> str:
    if reason := named_module("model.ops", request.param).unavailable(torch.device("cpu"), torch.float64):
        pytest.skip(f"{request.param}: {reason}")
    return request.param


@pytest.mark.parametrize("seed", range(6))
def test_any_sizes(seed: int, backend: str, tmp_path: Path) -> None:
    config = random_configuration(seed)
    weights = random_checkpoint(config, seed)
    model = imported(weights, config, tmp_path)
    model.backend = backend
    state = random_state(pbc=True)
    assert deviation(model, state, expected(weights, config, state)) <= EXACT


def test_smallest_network(backend: str, tmp_path: Path) -> None:
    weights, state = random_checkpoint(SMALLEST, 1), random_state(pbc=True)
    model = imported(weights, SMALLEST, tmp_path)
    model.backend = backend
    assert deviation(model, state, expected(weights, SMALLEST, state)) <= EXACT


def test_smallest_network_with_cuequivariance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cuequivariance_torch", reason="cuequivariance_torch is not installed")
    monkeypatch.setattr(cuequivariance, "unavailable", lambda device, dtype: None)
    try:
        assert ops.choose(torch.device("cpu"), torch.float64, "cuequivariance") is cuequivariance
        test_smallest_network("cuequivariance", tmp_path)
    finally:
        ops.choose.cache_clear()


def test_smallest_network_with_triton() -> None:
    """In a process of its own, for the interpreter is chosen when Triton is imported."""
    pytest.importorskip("triton", reason="Triton is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "smallest_network[triton]"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert re.search(r"^1 passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("pbc", [True, False], ids=["periodic", "vacuum"])
@pytest.mark.parametrize("momentum", [True, False], ids=["moving", "at rest"])
@pytest.mark.parametrize(
    "laws",
    [
        {"net_lin_mom": ZERO},
        {"net_lin_mom": []},
        {"net_lin_mom": [0.3, -0.1, 0.2]},
        {"net_lin_mom": ZERO, "conserve_ang_mom": True, "net_ang_mom": ZERO},
        {"net_lin_mom": None, "conserve_ang_mom": True},
        {"net_lin_mom": [0.3, -0.1, 0.2], "conserve_ang_mom": True, "net_ang_mom": [1.0, 0.0, -2.0]},
    ],
    ids=["zero", "kept", "given", "both zero", "both kept", "both given"],
)
def test_conserved_totals(laws: dict[str, Any], momentum: bool, pbc: bool, tmp_path: Path) -> None:
    config = configuration(**laws)
    weights, state = random_checkpoint(config, 7), random_state(pbc=pbc, momentum=momentum)
    model = imported(weights, config, tmp_path)
    save_model(tmp_path / "model.safetensors", model)
    wanted = expected(weights, config, state)
    assert deviation(load_model(tmp_path / "model.safetensors"), state, wanted) <= EXACT


def test_one_changed_weight_is_seen(tmp_path: Path) -> None:
    """Every tensor of a checkpoint: its number that matters most, plus 1e-3."""
    config = configuration()
    weights, state = random_checkpoint(config, 5), random_state(pbc=True)
    learned = {name: x.requires_grad_() for name, x in weights.items() if x.is_floating_point() and x.numel() > 1}
    wanted = expected(weights, config, state)
    total = (wanted.displacement / 0.05).square().sum() + (wanted.velocity / 0.012).square().sum()
    gradients = torch.autograd.grad(total, list(learned.values()), allow_unused=True)
    weights = {name: x.detach() for name, x in weights.items()}
    wanted = Step(*(x.detach() for x in wanted))
    assert deviation(imported(weights, config, tmp_path), state, wanted) <= EXACT
    found = {}
    for name, gradient in zip(learned, gradients, strict=True):
        if gradient is not None:  # constants that nothing uses have none
            changed = weights[name].clone()
            changed.view(-1)[gradient.abs().argmax()] += 1e-3
            found[name] = deviation(imported(weights | {name: changed}, config, tmp_path), state, wanted)
    assert len(found) == len(weights) - 4  # of the random checkpoint two are numbers, two are constants
    assert min(found.values()) > 1000 * EXACT, found


def test_prepared_for_rollouts(tmp_path: Path) -> None:
    config = configuration()
    weights, state = random_checkpoint(config, 2), random_state(pbc=True)
    ready = prepared(imported(weights, config, tmp_path))
    assert 0 < deviation(ready, state, expected(weights, config, state)) <= EXACT


@pytest.mark.parametrize(("name", "elements"), [("small_molecule", [1, 6, 7, 8]), ("small_quartz", [8, 14])])
def test_predictions_of_the_original_code(name: str, elements: list[int], backend: str) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"checkpoints that the original code wrote are not at {SHARED}")
    config = yaml.safe_load((SHARED / f"{name}.yaml").read_text())
    model = import_model(SHARED / f"{name}.pt", read_configuration(SHARED / f"{name}.yaml"), elements)
    model.backend = backend
    assert model.settings.channels == config["num_hidden_channels"]
    saved = {key: torch.as_tensor(value) for key, value in np.load(SHARED / f"{name}.npz").items() if key != "note"}
    for k in range(len(saved["positions"])):
        state = single_system(
            positions=saved["positions"][k],
            velocities=saved["velocities"][k],
            masses=saved["masses"],
            numbers=saved["species"].long(),
            cell=saved["cell"].double(),
            pbc=torch.ones(3, dtype=torch.bool),
        )
        wanted = saved["predicted_displacement"][k], saved["predicted_velocity"][k]
        assert deviation(model, state, wanted) <= EXACT
