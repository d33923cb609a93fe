"""Bursts of steps and replicas: the same as one system step by step, whatever happens on the way."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_systems import NOTHING, network, random_state
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from trajcast.config.settings import GuardSettings, RolloutSettings
from trajcast.core.mechanics import thermal_velocities
from trajcast.core.neighbors.cell_list import device_search
from trajcast.core.neighbors.search import FixedSearch
from trajcast.core.state import State, join
from trajcast.core.system_spec import spec_of
from trajcast.io.files import numbered
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.model.inference import prepared
from trajcast.model.network import TrajCast
from trajcast.rollout.burst import Burst, Bursts
from trajcast.rollout.loop import run_rollout
from trajcast.rollout.replicas import Replica, common_restart, replica_generator
from trajcast.rollout.step import Stepper, stepper
from trajcast.rollout.writer import Writer

GUARD = GuardSettings(min_temperature_K=1.0, max_temperature_K=1e9, min_distance_A=0.0)
SETTINGS = RolloutSettings(duration_ps=0.06, equilibration_ps=0.01, temperature_K=300.0, seed=1, guard=GUARD)


def start(*seeds: int, length: float | None = 6.0) -> State:
    """Systems that differ in their velocities alone."""
    one = random_state(1, length=length)
    return join([thermal_velocities(one, 300.0, torch.Generator().manual_seed(seed)) for seed in seeds])


def on_device(step: Stepper, state: State, **capacity: int) -> Stepper:
    """The stepper with the search that other devices than the CPU use."""
    search = device_search(state, step.model.scales.cutoff)
    return replace(step, search=FixedSearch(replace(search, **capacity)))


def burst(step: Stepper, state: State, count: int, noise_seed: int = 1) -> tuple[Burst, Bursts]:
    """Some steps, all frames kept; angular momentum zeroed in every third."""
    bursts = Bursts(step)
    rollout_state, _ = step.begin(state, torch.ones(state.n_systems, dtype=torch.bool))
    rng = torch.Generator().manual_seed(noise_seed)
    normals = torch.randn(count, state.n_systems, *step.noise_shape, generator=rng, dtype=torch.float64)
    remove_com_motion = [step.constants.conserve_angular_momentum and n % 3 == 2 for n in range(count)]
    targets_K = torch.full((count,), 300.0, dtype=torch.float64)
    return bursts.run(
        rollout_state, normals, targets_K, remove_com_motion=remove_com_motion, kept=[True] * count
    ), bursts


@pytest.mark.parametrize("length", [6.0, None], ids=["periodic", "vacuum"])
def test_the_search_of_devices_gives_the_same_steps(length: float | None) -> None:
    """Over a rollout in which atoms go through the walls of their cell."""
    state = start(1, 2, length=length)
    model = network(outputs=((0.01, 0.0005), (0.01, 0.0005)), baseline=((2.0, 1.0), (2.0, 1.0)))
    step = stepper(model, SETTINGS, state)
    host, _ = burst(step, state, 40)
    device, _ = burst(on_device(step, state, max_neighbors=80, bin_capacity=24), state, 40)
    assert host.readings.finite.all()
    if length:
        assert ((host.rollout_state.state.positions / length).floor() != (state.positions / length).floor()).sum() >= 5
    torch.testing.assert_close(
        device.rollout_state.state.positions, host.rollout_state.state.positions, rtol=0, atol=1e-9
    )
    torch.testing.assert_close(
        device.rollout_state.state.velocities, host.rollout_state.state.velocities, rtol=0, atol=1e-10
    )
    torch.testing.assert_close(device.readings.closest, host.readings.closest, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "capacity",
    [
        {"max_neighbors": 3, "bin_capacity": 20},
        {"max_neighbors": 60, "bin_capacity": 1},
        {"max_neighbors": 1, "bin_capacity": 1},
    ],
)
def test_a_burst_with_too_little_room_is_repeated_with_more(capacity: dict[str, int]) -> None:
    """Same noise, same result, and the search stays large enough for what comes next."""
    state = start(1, 2)
    step = stepper(network(), SETTINGS, state)
    enough, unchanged = burst(on_device(step, state, max_neighbors=60, bin_capacity=20), state, 8)
    found, with_capacity = burst(on_device(step, state, **capacity), state, 8)
    assert unchanged.stepper.search.capacity == (60, 20)
    assert all(new >= old for new, old in zip(with_capacity.stepper.search.capacity, capacity.values(), strict=True))
    assert with_capacity.stepper.search.capacity != tuple(capacity.values())
    for name in ("positions", "velocities"):
        torch.testing.assert_close(getattr(found, name), getattr(enough, name), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        found.rollout_state.state.positions, enough.rollout_state.state.positions, rtol=0, atol=1e-10
    )


class NoHost(TorchDispatchMode):
    """Refuses whatever would bring numbers from the host."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for x in tree_leaves((args, kwargs or {})):
            assert not isinstance(x, Tensor) or x.is_meta, f"{func} takes a tensor on the host"
        return func(*args, **(kwargs or {}))


def without_values(x: Any) -> Any:
    """The same with all tensors on the device `meta`, which knows shapes but no values."""
    if isinstance(x, Tensor):
        return x.to("meta")
    if is_dataclass(x) and not isinstance(x, RolloutSettings):
        return replace(x, **{f.name: without_values(getattr(x, f.name)) for f in fields(x)})  # type: ignore[type-var]
    return x


@pytest.mark.parametrize("thermostat", ["csvr", "csvr_elements", None])
@pytest.mark.parametrize("length", [6.0, None], ids=["periodic", "vacuum"])
def test_a_step_waits_for_no_value_and_takes_none_from_the_host(length: float | None, thermostat: str | None) -> None:
    """What a CUDA graph demands of the step that it records."""
    model, state = prepared(network()), start(1, 2, length=length)
    model.backend = "dense"
    step = on_device(stepper(model, replace(SETTINGS, thermostat=thermostat), state), state)
    rollout_state, _ = step.begin(state, torch.tensor([True, True]))
    normal = torch.zeros(2, *step.noise_shape, dtype=torch.float64)
    target_K = torch.tensor(300.0, dtype=torch.float64)
    expected, _ = step(rollout_state, normal, target_K, remove_com_motion=True)
    model.to("meta")
    step, rollout_state, normal, target_K = (without_values(x) for x in (step, rollout_state, normal, target_K))
    step(rollout_state, normal, target_K, remove_com_motion=True)  # constants that are kept from now on
    with NoHost():
        after, _ = step(rollout_state, normal, target_K, remove_com_motion=True)
        with pytest.raises(RuntimeError):
            after.active.any().item()
    with pytest.raises(AssertionError, match="on the host"), NoHost():
        _ = after.state.positions * torch.ones(3)
    for name in ("positions", "velocities"):
        assert getattr(after.state, name).shape == getattr(expected.state, name).shape
    assert after.neighbors.vectors.shape == rollout_state.neighbors.vectors.shape


@pytest.mark.parametrize("search", ["host", "device"])
def test_a_stopped_system_stands_still_and_the_others_do_not_notice(search: str) -> None:
    """Not a number of a system that explodes gets into its neighbours in the batch."""
    state = start(1, 2, 3)
    wild = state.system_idx == 1
    broken = replace(state, velocities=torch.where(wild[:, None], 1e200 * state.velocities, state.velocities))
    results = []
    for one in (state, broken):
        step = stepper(network(), SETTINGS, one)
        results.append(
            burst(on_device(step, one, max_neighbors=60, bin_capacity=20) if search == "device" else step, one, 6)[0]
        )
    well, ill = results
    assert well.rollout_state.active.tolist() == [True, True, True]
    assert ill.rollout_state.active.tolist() == [True, False, True]
    for name in ("positions", "velocities"):
        a, b = getattr(well.rollout_state.state, name), getattr(ill.rollout_state.state, name)
        assert torch.equal(a[~wild], b[~wild])
        assert torch.equal(b[wild], getattr(broken, name)[wild])


def test_atoms_out_of_reach_of_each_other_go_on() -> None:
    """A system may lose all its pairs: there is no shortest distance then, and nothing wrong."""
    state = start(1, length=None)
    state = replace(state, positions=10 * state.positions)
    step = stepper(network(), SETTINGS, state)
    for one in (step, on_device(step, state)):
        done, _ = burst(one, state, 3)
        assert done.rollout_state.active.all()
        assert (done.readings.closest == step.model.scales.cutoff).all()


def run(model: TrajCast, settings: RolloutSettings, folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    first = random_state(1)
    results = run_rollout(
        model,
        settings,
        spec_of(first),
        first.positions,
        output=folder / "f.h5md",
        outcome=folder / "o.json",
        record={},
    )
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    replicas = range(1, settings.replicas + 1)
    assert names == sorted(numbered(Path(name), k).name for name in ("f.h5md", "o.json") for k in replicas)
    assert [json.loads(numbered(folder / "o.json", k).read_text()) for k in replicas] == results
    return results


def frames(folder: Path, replica: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with Trajectory(numbered(folder / "f.h5md", replica)) as trajectory:
        return trajectory.steps, trajectory.positions[()], trajectory.velocities[()]


def heating() -> TrajCast:
    """Velocities grow by a tenth a step, whatever the neighbours: each replica grows too hot at a step of its own."""
    return network(outputs=NOTHING, baseline=((2.0, 1.1), (2.0, 1.1)))


@pytest.mark.parametrize(
    ("model", "guard"),
    [(heating(), replace(GUARD, max_temperature_K=2000.0)), (network(), replace(GUARD, min_distance_A=0.55))],
    ids=["hot", "overlap"],
)
def test_an_alarm_in_a_burst_is_that_of_stepping_one_by_one(
    tmp_path: Path, model: TrajCast, guard: GuardSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, guard=guard, thermostat=None, replicas=4, seed=3)
    monkeypatch.setattr("trajcast.rollout.burst.BURST_S", 1e9)
    results = []
    for steps in (1, 7, 100):
        monkeypatch.setattr("trajcast.rollout.burst.BURST_STEPS", steps)
        results.append(run(model, settings, tmp_path / str(steps)))
    ends = [one["step"] for one in results[0]]
    assert len(set(ends)) > 1
    assert min(ends) < results[0][0]["steps_planned"]
    for other, folder in zip(results[1:], ("7", "100"), strict=True):
        for replica, (a, b) in enumerate(zip(results[0], other, strict=True), start=1):
            for key in a.keys() - {"wall_s", "ns_per_day"}:
                assert a[key] == b[key], key
            for x, y in zip(frames(tmp_path / "1", replica), frames(tmp_path / folder, replica), strict=True):
                assert np.array_equal(x, y)
            assert len(x) == b["frames"]


def test_each_replica_has_its_own_noise_whichever_run_beside_it(tmp_path: Path) -> None:
    one = run(network(), SETTINGS, tmp_path / "one")
    three = run(network(), replace(SETTINGS, replicas=3), tmp_path / "three")
    assert len(one) == 1
    assert [result["outcome"] for result in three] == ["completed"] * 3
    for alone, beside in zip(frames(tmp_path / "one"), frames(tmp_path / "three"), strict=True):
        np.testing.assert_allclose(alone, beside, atol=1e-5)
    others = [frames(tmp_path / "three", replica)[2] for replica in (1, 2, 3)]
    flat = [x.ravel() - x.mean() for x in others]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(flat[a], flat[b])[0, 1]) < 0.9
        assert not np.array_equal(others[a][0], others[b][0])


def test_noise_does_not_depend_on_how_much_is_drawn_at_a_time(tmp_path: Path) -> None:
    def replica(number: int) -> Replica:
        recorder = Recorder(tmp_path / "f", spec_of(random_state(1)), identity={}, provenance={})
        return Replica(recorder, tmp_path / "o", replica_generator(5, number))

    whole, parts = replica(1).noise(10, (2, 17)), replica(1)
    assert torch.equal(whole, torch.cat([parts.noise(n, (2, 17)) for n in (1, 6, 3)]))
    plain = torch.randn(2, 17, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert torch.equal(whole[0], plain)
    firsts = {float(replica(number).noise(1, (1,))) for number in range(1, 200)}
    firsts |= {float(torch.randn(1, generator=replica_generator(seed, 1), dtype=torch.float64)) for seed in (6, 7, 8)}
    assert len(firsts) == 202


def recorders(folder: Path) -> list[Recorder]:
    spec = spec_of(random_state(1, atoms=3))
    return [Recorder(folder / f"{k}.h5md", spec, identity={"replica": k}, provenance={}) for k in (1, 2)]


def test_a_replica_that_is_a_commit_ahead_goes_back_to_the_others(tmp_path: Path) -> None:
    some = recorders(tmp_path)
    assert common_restart(some) is None
    for step in (1, 2):
        for recorder in some:
            recorder.add(step, float(step), np.full((3, 3), step), np.zeros((3, 3)))
            recorder.commit({"step": step})
    some[0].add(3, 3.0, np.full((3, 3), 3.0), np.zeros((3, 3)))
    some[0].commit({"step": 3})
    again = recorders(tmp_path)
    saved = common_restart(again)
    assert saved is not None
    assert [int(one["step"]) for one in saved] == [2, 2]
    again[0].join()
    with Trajectory(tmp_path / "1.h5md") as trajectory:
        assert trajectory.steps.tolist() == [1, 2]
    for segment in again[1].segments:
        segment.unlink()
    assert common_restart(again) is None
    assert not again[0].segments


def test_frames_added_while_a_commit_is_written_go_into_the_next(tmp_path: Path) -> None:
    some, zero = recorders(tmp_path), np.zeros((3, 3))
    with Writer(some) as writer:
        for step in range(20):
            for recorder in some:
                recorder.add(step, float(step), zero + step, zero)
            writer.commit([{"step": step}] * 2)
    assert [len(recorder.segments) for recorder in some] == [20, 20]
    for recorder in some:
        recorder.finish()
        with Trajectory(recorder.path) as trajectory:
            assert trajectory.steps.tolist() == list(range(20))
            assert np.array_equal(trajectory.positions[:, 0, 0], np.arange(20))


def test_a_commit_that_fails_in_its_thread_is_the_callers_error(tmp_path: Path) -> None:
    bad = [{"step": object()}] * 2
    with pytest.raises(TypeError), Writer(recorders(tmp_path)) as writer:
        writer.commit(bad)
    writer = Writer(recorders(tmp_path))
    writer.commit(bad)
    with pytest.raises(TypeError):
        writer.commit(bad)
