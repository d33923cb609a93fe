"""`trajcast import` and what follows it: errors on extended XYZ data, rollouts; one message for every mistake."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
import yaml
from ase import Atoms
from released_forward import Weights, random_checkpoint
from test_released import ELEMENTS, configuration, expected, random_state

from trajcast import cli
from trajcast.core.state import State
from trajcast.core.system_spec import spec_of
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.model.store import load_model, read_record

CONFIG = configuration()
OFFSET = 0.01  # Å and Å/fs, by which the data differ from the predictions
TEXT = 1e-8  # ASE writes eight decimals
EVALUATE = ["evaluate", "--model", "model.safetensors", "--data", "frames.extxyz"]
EVALUATE += ["--accept", "motion", "momentum", "center", "distance", "temperature"]  # states at random


@pytest.fixture
def weights() -> Weights:
    return random_checkpoint(CONFIG, 1)


@pytest.fixture
def here(tmp_path: Path, weights: Weights, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which becomes the present one, with a checkpoint in it."""
    monkeypatch.chdir(tmp_path)
    torch.save(weights, "weights.pt")
    Path("config.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


def run_import(elements: str = "O,H,Si", *more: str) -> int:
    given = ["--weights", "weights.pt", "--config", "config.yaml", "--elements", elements]
    return cli.main(["import", *given, "--output", "model.safetensors", *more])


def frame(state: State, weights: Weights, **info: Any) -> Atoms:
    """The state as released data sets have it; what follows is off by `OFFSET` from the prediction."""
    cell, pbc = state.cell[0].numpy(), state.pbc[0].numpy()
    atoms = Atoms(state.numbers.numpy(), state.positions.numpy(), cell=cell, pbc=pbc, info=info)
    step = expected(weights, CONFIG, state)
    atoms.arrays["velocities"] = state.velocities.numpy()
    atoms.arrays["displacements"] = step.displacement.numpy() + OFFSET
    atoms.arrays["update_velocities"] = step.velocity.numpy() - OFFSET
    return atoms


def test_the_model_file_says_what_it_is(here: Path) -> None:
    assert run_import() == 0
    record = read_record("model.safetensors")
    assert (record["horizon_fs"], record["cutoff_A"], record["species"]) == (None, 3.5, sorted(ELEMENTS))
    origin = record["provenance"]
    assert origin["stage"] == "import"
    assert origin["settings"]["configuration"] == CONFIG
    digests = {source["file"]: source["sha256"] for source in origin["sources"]}
    assert digests["weights.pt"] == hashlib.sha256(Path("weights.pt").read_bytes()).hexdigest()
    assert load_model("model.safetensors").scales.totals is not None


def test_the_precision_is_kept(here: Path, weights: Weights) -> None:
    torch.save({name: x.float() if x.is_floating_point() else x for name, x in weights.items()}, "weights.pt")
    assert run_import() == 0
    assert load_model("model.safetensors").dtype is torch.float32


def test_evaluation_of_frames(here: Path, weights: Weights, capsys: pytest.CaptureFixture[str]) -> None:
    pbc, vacuum = (random_state(pbc=p) for p in (True, False))
    frames = [frame(pbc, weights, timestep=7.0), frame(vacuum, weights, timestep=7.0)]
    ase.io.write("frames.extxyz", frames)
    assert run_import("O,H,Si", "--horizon-fs", "7") == 0
    capsys.readouterr()
    assert cli.main([*EVALUATE, "--json", "e.json"]) == 0
    assert "Å/fs" in capsys.readouterr().out
    found = json.loads(Path("e.json").read_text())
    names = ("displacements", "update_velocities")
    true = {name: np.abs([atoms.arrays[name] for atoms in frames]).mean() for name in names}
    assert found == {
        "frames": 2,
        "displacement_mae_A": pytest.approx(OFFSET, abs=TEXT),
        "velocity_mae_A_per_fs": pytest.approx(OFFSET, abs=TEXT),
        "displacement_mae_percent": pytest.approx(100 * OFFSET / true["displacements"], rel=1e-5),
        "velocity_mae_percent": pytest.approx(100 * OFFSET / true["update_velocities"], rel=1e-5),
    }


def write_start(path: Path, state: State) -> None:
    recorder = Recorder(path, spec_of(state), identity={}, provenance={})
    recorder.add(0, 0.0, state.positions.numpy(), state.velocities.numpy())
    recorder.commit({})
    recorder.finish()


def test_a_rollout(here: Path, weights: Weights) -> None:
    """Its steps are those of the checkpoint, to the single precision of frames; it needs a horizon."""
    write_start(here / "start.h5md", random_state(pbc=True))
    guard = {"min_temperature_K": 0.0, "max_temperature_K": 1.0e9, "min_distance_A": 0.0}
    settings = {"duration_ps": 0.02, "equilibration_ps": 0.0, "temperature_K": 300.0, "thermostat": None}
    Path("rollout.yaml").write_text(yaml.safe_dump(settings | {"seed": 1, "guard": guard}))
    rollout = ["rollout", "--settings", "rollout.yaml", "--model", "model.safetensors", "--start", "start.h5md"]
    rollout += ["--output", "rollout.h5md", "--outcome", "outcome.json"]
    assert run_import() == 0
    assert cli.main(rollout) == 2
    assert run_import("O,H,Si", "--horizon-fs", "5") == 0
    assert cli.main(rollout) == 0
    assert json.loads(Path("outcome.json").read_text())["outcome"] == "completed"
    with Trajectory("rollout.h5md") as trajectory:
        states = [trajectory.state(k) for k in range(len(trajectory))]
    assert len(states) == 5
    for before, after in pairwise(states):
        step = expected(weights, CONFIG, before)
        moved = after.positions - before.positions
        torch.testing.assert_close(moved, step.displacement, rtol=0, atol=2e-6)
        torch.testing.assert_close(
            after.velocities, step.velocity, rtol=0, atol=1e-4 * float(step.velocity.abs().max())
        )


class Code:
    """What a pickle would run when it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, ("was_run",)


def damaged(weights: Weights) -> None:
    data = Path("weights.pt").read_bytes()
    Path("weights.pt").write_bytes(data[: len(data) // 2])


def without(name: str) -> Callable[[Weights], None]:
    return lambda weights: torch.save({key: x for key, x in weights.items() if key != name}, "weights.pt")


def with_tensor(name: str, tensor: torch.Tensor) -> Callable[[Weights], None]:
    return lambda weights: torch.save(weights | {name: tensor}, "weights.pt")


COMPRESSION = "_int_out.LinearCompression.linear.weight"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damaged, "weights.pt: damaged, or not written by torch.save"),
        (lambda weights: Path("weights.pt").write_bytes(b""), "weights.pt: damaged, or not written by torch.save"),
        (lambda weights: Path("weights.pt").write_text("Dear reader"), "or was not written by torch.save"),
        (lambda weights: Path("weights.pt").unlink(), "weights.pt: no such file"),
        (lambda weights: Path("weights.pt").write_bytes(pickle.dumps(Code())), "nothing was executed"),
        (lambda weights: torch.save({**weights, "code": Code()}, "weights.pt"), "nothing was executed"),
        (lambda weights: torch.save([1, 2], "weights.pt"), "does not hold a dictionary of tensors"),
        (lambda weights: torch.save({"model": weights}, "weights.pt"), "does not hold a dictionary of tensors"),
        (
            lambda weights: torch.save({"w": torch.ones(1)}, "weights.pt"),
            "no tensor _int_out.LinearInit.linear.weight;",
        ),
        (without("rms_targets"), "no tensor rms_targets;"),
        (without("_int_out.mp_layer_1.vel_mlp.layer1.weight"), "no tensor _int_out.mp_layer_1.vel_mlp.layer1.weight;"),
        (with_tensor(COMPRESSION, torch.ones(5)), f"{COMPRESSION} has shape (5,), the configuration requires (4,)"),
        (with_tensor(COMPRESSION, torch.full((4,), torch.nan)), f"{COMPRESSION} has values that are not finite"),
        (with_tensor("_int_out.more.weight", torch.ones(5)), "the configuration does not use _int_out.more.weight"),
        (with_tensor("_int_out.LinearInit.linear.weight", torch.ones(36).int()), "its weights are torch.int32"),
    ],
)
def test_other_files_than_a_checkpoint(
    damage: Callable[[Weights], None], message: str, here: Path, weights: Weights, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(weights)
    assert run_import() == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
    assert not Path("was_run").exists()
    assert not Path("model.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edge_cutoff": None}, "config.yaml: edge_cutoff: null is wrong"),
        ({"num_mp_layers": 0}, "config.yaml: num_mp_layers: 0 is wrong"),
        ({"num_mp_layers": 1}, "the configuration does not use _int_out.mp_layer_1"),
        ({"num_mp_layers": 3}, "no tensor _int_out.mp_layer_2.edge_mlp.layer0.weight;"),
        ({"max_rotation_order": 3}, "the configuration requires"),
        ({"num_hidden_channels": 8}, "the configuration requires"),
        ({"edge_mlp_kwargs": {"n_neurons": [5, 6], "activation": "tanh"}}, "edge_mlp_kwargs.activation: 'tanh'"),
        ({"o3_backend": "cueq"}, "o3_backend: 'cueq' is wrong"),
        ({"net_lin_mom": [0.0, 0.0]}, "net_lin_mom: [0.0, 0.0] is wrong: give three numbers"),
    ],
    ids=str,
)
def test_other_configurations(
    change: dict[str, Any], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config.yaml").write_text(yaml.safe_dump(CONFIG | change))
    assert run_import() == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("key", sorted(set(CONFIG) - {"avg_num_neighbors", "net_lin_mom"}))
def test_every_key_that_is_needed_is_asked_for(key: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text(yaml.safe_dump({k: v for k, v in CONFIG.items() if k != key}))
    assert run_import() == 2
    assert capsys.readouterr().err == f"trajcast import: error: config.yaml: {key}: missing; add it\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["O,H"], "the model distinguishes 3 elements (num_chem_elements), but 2 were given (2 distinct)"),
        (["O,H,H"], "but 3 were given (2 distinct)"),
        (["O,H,Silicon"], "--elements: 'Silicon' is not an element"),
        (["O,H,"], "--elements: '' is not an element"),
        (["O,H,X"], "--elements: 'X' is not an element"),
        (["O,H,Si", "--horizon-fs", "0"], "--horizon-fs 0 is wrong"),
        (["O,H,Si", "--horizon-fs", "nan"], "--horizon-fs nan is wrong"),
        (["O,H,Si", "--output", "model.json"], "--output model.json: the name of a model must end in .safetensors; c"),
        (["O,H,Si", "--output", "model"], "--output model: the name of a model must end in .safetensors; correct"),
    ],
)
def test_wrong_arguments(given: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_import(*given) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda atoms: atoms.arrays.pop("update_velocities"), "frame 0 has no array update_velocities (found: numbers"),
        (lambda atoms: atoms.arrays.update(displacements=np.ones(11)), "frame 0: displacements must hold three finite"),
        (lambda atoms: atoms.info.update(timestep=5.0), "frame 0 spans 5 fs (timestep), but the model's horizon is"),
        (lambda atoms: atoms.info.update(timestep="long"), "frame 0: timestep 'long' is not a time"),
        (lambda atoms: atoms.set_atomic_numbers([79] * 11), "the model knows H, O, Si, not Au"),
        (lambda atoms: atoms.arrays["displacements"].fill(0.0), "no atom moves in these frames"),
    ],
)
def test_other_data(
    change: Callable[[Atoms], object],
    message: str,
    here: Path,
    weights: Weights,
    capsys: pytest.CaptureFixture[str],
) -> None:
    atoms = frame(random_state(pbc=True), weights)
    change(atoms)
    ase.io.write("frames.extxyz", atoms)
    assert run_import("O,H,Si", "--horizon-fs", "7") == 0
    assert cli.main(EVALUATE) == 2
    assert message in capsys.readouterr().err


def test_in_place_of_training_it_needs_its_horizon(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    used = ["pretrained", "--model", "model.safetensors", "--output", "used", "--horizon-fs", "7"]
    assert run_import() == 0
    assert cli.main(used) == 2
    assert "does not state its horizon; if it is 7 fs, import it again with --horizon-fs 7" in capsys.readouterr().err
    assert run_import("O,H,Si", "--horizon-fs", "7") == 0
    assert cli.main(used) == 0
    assert load_model("used/model.safetensors").scales.horizon_fs == 7.0
    assert cli.main([*used[:-1], "nan"]) == 2
    assert "--horizon-fs nan is wrong; give a time in fs, above zero" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "frames.extxyz: is empty"), ("3\n\nH 0 0\n", "is it damaged?"), (None, "frames.extxyz: no such file")],
    ids=["empty", "damaged", "missing"],
)
def test_files_that_hold_no_frames(
    text: str | None, message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("frames.extxyz").write_text(text)
    assert run_import() == 0
    assert cli.main(EVALUATE) == 2
    assert message in capsys.readouterr().err
