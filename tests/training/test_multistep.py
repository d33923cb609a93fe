"""Steps that a model takes from its own predictions: their errors, and training on them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_dataset import DIATOMICS, FREQUENCY, LENGTH, MASSES, small_dataset
from small_systems import SCALES, network

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.core.errors import UserError
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.parallel import SINGLE_PROCESS
from trajcast.core.system_spec import SystemSpec
from trajcast.data.dataset import Dataset, read_dataset, write_dataset
from trajcast.data.pairs import pairs_at
from trajcast.io.frames import Frames
from trajcast.model.network import Prediction
from trajcast.training.batches import Batches
from trajcast.training.loop import train
from trajcast.training.multistep import after_own_step
from trajcast.training.repeated import repeated_errors
from trajcast.training.run import TrainingRun

HORIZON_FS = 2.0
SETTINGS = TrainingSettings(
    network=NetworkSettings(cutoff_A=3.0, channels=4, l_max=1, layers=1, radial_mlp=[8, 4], speed_mlp=[8, 4]),
    samples=24,
    seed=3,
    batch_size=4,
    max_epochs=4,
    dtype="float32",
)


def oscillators(frames: int, seed: int = 1) -> Frames:
    """O–H oscillators in a box, HORIZON_FS apart, from their closed form; axes do not turn."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=(DIATOMICS, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    amplitude, phase = 0.05 + 0.02 * rng.random(DIATOMICS), 2 * np.pi * rng.random(DIATOMICS)
    angle = FREQUENCY * HORIZON_FS * np.arange(frames)[:, None] + phase
    share = np.array([-MASSES[1], MASSES[0]]) / MASSES.sum()
    center = np.array(np.meshgrid([1.0, 5.0], [1.0, 5.0], [3.0])).reshape(3, -1).T

    def atoms(relative: np.ndarray) -> np.ndarray:
        return (relative[..., None, None] * axis[:, None] * share[:, None]).reshape(frames, -1, 3)

    return Frames(
        path=Path("oscillators"),
        spec=SystemSpec(
            numbers=np.tile([8, 1], DIATOMICS),
            masses=np.tile(MASSES, DIATOMICS),
            cell=np.eye(3) * LENGTH,
            pbc=np.ones(3, bool),
            molecules=np.repeat(np.arange(DIATOMICS), 2),
        ),
        interval_fs=HORIZON_FS,
        positions=np.repeat(center, 2, axis=0) + atoms(1 + amplitude * np.cos(angle)),
        velocities=atoms(-amplitude * FREQUENCY * np.sin(angle)),
    )


def two_steps(path: Path, samples: int = 24) -> Dataset:
    """A data set whose training samples span two horizons."""
    frames, one = oscillators(samples + 2), small_dataset(path)
    pairs = pairs_at(frames, np.arange(samples), stride=1, source=0, steps=2)
    return replace(one, spec=pairs.spec, splits={**one.splits, "training": pairs})


def test_errors_of_a_model_that_multiplies_velocities() -> None:
    """With v′ = b v and Δr = a v, after n steps v = bⁿ v₀ and the way is a (1 + b + … ) v₀: errors in closed form."""
    a, b = 1.5, 0.9
    model = network(baseline=((a, b),) * 2, outputs=((0.0, 0.0),) * 2)
    frames = oscillators(60)
    found = repeated_errors(model, frames, steps=(1, 3))
    assert list(found) == ["1", "3"]
    starts = np.unique(np.linspace(0, 59 - 3, 40).astype(int))
    x, v = frames.positions, frames.velocities
    for n in (1, 3):
        v_n, way = b**n * v[starts], a * sum(b**k for k in range(n)) * v[starts]
        true_way = x[starts + n] - x[starts]
        record = found[str(n)]
        assert record["starts"] == 40
        assert record["velocity_mae_percent"] == pytest.approx(
            100 * np.abs(v_n - v[starts + n]).mean() / np.abs(v[starts + n]).mean(), rel=1e-5
        )
        assert record["displacement_mae_percent"] == pytest.approx(
            100 * np.abs(way - true_way).mean() / np.abs(true_way).mean(), rel=1e-5
        )
        for number, atoms in ((1, slice(1, None, 2)), (8, slice(0, None, 2))):
            change = np.square(v_n[:, atoms]).mean() / np.square(v[starts + n][:, atoms]).mean() - 1
            assert record["kinetic_energy"][str(number)]["change"] == pytest.approx(change, rel=1e-5)
            assert record["kinetic_energy"][str(number)]["change_error"] > 0


def test_as_many_steps_as_the_trajectory_has() -> None:
    assert list(repeated_errors(network(), oscillators(5))) == ["1", "2", "3"]
    with pytest.raises(UserError, match="1 frames cover less than a horizon, 2 fs; run longer"):
        repeated_errors(network(), oscillators(1))
    with pytest.raises(UserError, match="is not a multiple of the frame interval"):
        repeated_errors(network(horizon_fs=3.0), oscillators(9))


def test_the_second_step_begins_where_the_first_led_and_ends_where_md_does(tmp_path: Path) -> None:
    dataset = two_steps(tmp_path / "d.h5")
    model = network(NetworkSettings(cutoff_A=3.0, channels=4, l_max=1, layers=1, radial_mlp=[8, 4], speed_mlp=[8, 4]))
    pairs = dataset.split("training")
    batch = Batches(pairs, model).batch(np.array([2, 5]))
    off = Prediction(batch.displacement + 0.01, 0.9 * batch.velocity)
    second = after_own_step(batch, off, SCALES.cutoff)
    assert torch.equal(second.state.positions, batch.state.positions + off.displacement)
    assert torch.equal(second.state.velocities, off.velocity)
    whole = batch.displacement + batch.later_displacement
    torch.testing.assert_close(second.state.positions + second.displacement, batch.state.positions + whole)
    torch.testing.assert_close(second.velocity, torch.as_tensor(pairs.later_velocities[[2, 5]]).flatten(0, 1).double())
    near = find_neighbors(second.state, SCALES.cutoff)
    torch.testing.assert_close(near.vectors, second.neighbors.vectors)
    exact = after_own_step(batch, Prediction(batch.displacement, batch.velocity), SCALES.cutoff)
    torch.testing.assert_close(exact.displacement, batch.later_displacement)


def test_two_steps_backwards_are_md_with_velocities_turned_round(tmp_path: Path) -> None:
    pairs = two_steps(tmp_path / "d.h5").split("training")
    both, n = pairs.both_ways(), len(pairs)
    assert len(both) == 2 * n
    end = pairs.positions + pairs.displacements + pairs.later_displacements
    np.testing.assert_allclose(both.positions[n:], end, atol=1e-6)
    back = both.positions[n:] + both.displacements[n:] + both.later_displacements[n:]
    np.testing.assert_allclose(back, pairs.positions, atol=1e-6)
    np.testing.assert_array_equal(both.later_velocities[n:], -pairs.velocities)
    np.testing.assert_array_equal(both.new_velocities[n:], -pairs.new_velocities)


def test_samples_of_two_steps_survive_the_file(tmp_path: Path) -> None:
    dataset = two_steps(tmp_path / "d.h5")
    write_dataset(tmp_path / "e.h5", dataset)
    again = read_dataset(tmp_path / "e.h5").split("training")
    np.testing.assert_array_equal(again.later_velocities, dataset.split("training").later_velocities)
    assert read_dataset(tmp_path / "e.h5").split("test").later_velocities is None


def test_the_gradient_is_that_of_both_steps_with_the_first_held_fast(tmp_path: Path) -> None:
    dataset = two_steps(tmp_path / "d.h5")
    run = TrainingRun(
        replace(SETTINGS, multistep_fraction=0.5, dtype="float64"), dataset, "cpu", "dense", SINGLE_PROCESS
    )
    parameters, loss = run.parameters, run.loss
    batch = run.updates.batches.batch(np.array([1, 3]))
    parameters.differentiate(batch, loss, steps=2)
    found = parameters.gradient.clone()
    prediction = parameters.model(batch.state, batch.neighbors, batch.constants)
    second = after_own_step(batch, prediction, run.model.scales.cutoff)
    parts = []
    for one in (batch, second):
        parameters.differentiate(one, loss)
        parts.append(parameters.gradient.clone())
    torch.testing.assert_close(found, (parts[0] + parts[1]) / 2)


def test_the_last_part_of_a_run_takes_own_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights kept are of that part, whatever the validation loss was before."""
    dataset, seen = two_steps(tmp_path / "d.h5"), []
    monkeypatch.setattr(
        "trajcast.training.flat_parameters.after_own_step", lambda *given: seen.append(1) or after_own_step(*given)
    )
    train(replace(SETTINGS, multistep_fraction=0.5), dataset, tmp_path / "model")
    assert len(seen) == 2 * 6  # of four epochs of six batches
    train(SETTINGS, dataset, tmp_path / "plain")
    assert len(seen) == 12
    rows = [list(csv.DictReader((tmp_path / name / "metrics.csv").open())) for name in ("model", "plain")]
    assert [row["validation_loss"] for row in rows[0][:2]] == [row["validation_loss"] for row in rows[1][:2]]
    assert rows[0][3]["validation_loss"] != rows[1][3]["validation_loss"]


def test_own_steps_need_samples_of_two(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"multistep_fraction 0\.5 needs samples of two steps, but those of the data set have one"
    ):
        train(replace(SETTINGS, multistep_fraction=0.5), small_dataset(tmp_path / "d.h5"), tmp_path / "model")


@pytest.mark.parametrize("of", ["positions", "velocities"])
def test_a_gradient_that_a_backend_would_leave_out_is_refused(of: str) -> None:
    """dense has it."""
    frames = oscillators(2)
    state = frames.spec.state(frames.positions[0], frames.velocities[0])
    state = replace(state, **{of: getattr(state, of).clone().requires_grad_()})
    near = find_neighbors(state, SCALES.cutoff)
    if of == "positions":
        near = replace(near, vectors=near.vectors.detach() + 0 * state.positions.sum())
    model = network()
    model.backend = "llvm"
    with pytest.raises(UserError, match=r"backend llvm has no gradients with respect to positions and velocities"):
        model(state, near)
    model.backend = "dense"
    (slope,) = torch.autograd.grad(model(state, near).velocity.square().sum(), [getattr(state, of)])
    assert torch.isfinite(slope).all()
