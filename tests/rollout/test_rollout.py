"""Rollouts: free flight in closed form, the canonical ensemble, the guard, kill -9, supercells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from scipy import stats
from small_systems import NOTHING, network, random_state

from trajcast.cli import main
from trajcast.config.settings import GuardSettings, NetworkSettings, RolloutSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import angular_momentum, degrees_of_freedom, momentum, temperature, thermal_velocities
from trajcast.core.neighbors.search import search_for
from trajcast.core.state import State
from trajcast.core.system_spec import spec_of
from trajcast.io.files import numbered
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.model.network import TrajCast
from trajcast.model.store import save_model
from trajcast.observables.temperature import canonical_temperature
from trajcast.rollout.loop import run_rollout
from trajcast.rollout.rules.guard import (
    Alarm,
    Ending,
    distance_alarm,
    distance_allowed,
    motion_alarm,
    motion_allowed,
    read_motion,
)
from trajcast.rollout.step import stepper
from trajcast.rollout.steps import step_counts

pytestmark = pytest.mark.slow

GUARD = GuardSettings(min_temperature_K=1.0, max_temperature_K=3000.0, min_distance_A=0.0)
SETTINGS = RolloutSettings(duration_ps=0.2, equilibration_ps=0.02, temperature_K=300.0, seed=1, guard=GUARD)
TARGET = torch.tensor(300.0, dtype=torch.float64)


def free_flight() -> TrajCast:
    """A model whose atoms keep their velocities: exact dynamics of an ideal gas."""
    tiny = NetworkSettings(channels=1, l_max=1, layers=1, radial_mlp=[2], speed_mlp=[2])
    return network(tiny, outputs=NOTHING, baseline=((2.0, 1.0), (2.0, 1.0)))


def run(model: TrajCast, settings: RolloutSettings, folder: Path, **state: Any) -> tuple[dict[str, Any], Path]:
    start = random_state(1, **state)
    output = folder / "f.h5md"
    result, *_ = run_rollout(
        model, settings, spec_of(start), start.positions, output=output, outcome=folder / "o.json", record={}
    )
    assert json.loads((folder / "o.json").read_text()) == result
    return result, output


def test_nve_free_flight_is_exact(tmp_path: Path) -> None:
    settings = replace(SETTINGS, thermostat=None, frame_every=5, equilibration_ps=0.0)
    result, output = run(free_flight(), settings, tmp_path)
    assert result["outcome"] == "completed"
    assert result["ensemble"] == "NVE"
    with Trajectory(output) as flight:
        assert len(flight) == result["frames"] == 21
        assert flight.interval_fs == 10.0
        v = flight.velocities[0].astype(float)
        expected = flight.positions[0] + flight.times[:, None, None] * v
        np.testing.assert_allclose(flight.positions[()], expected, atol=2e-5)
        np.testing.assert_allclose(flight.velocities[()], np.broadcast_to(v, (21, 12, 3)), rtol=1e-6)
        assert flight.provenance["outcome"] == result
        assert canonical_temperature(flight) is None


def test_nvt_free_flight_is_canonical(tmp_path: Path) -> None:
    """The temperature over rollouts follows χ² with 3N − 3 degrees of freedom, and P stays zero."""
    settings = replace(SETTINGS, duration_ps=1.2, equilibration_ps=0.2, tau_horizons=4.0, frame_every=12, replicas=10)
    result, output = run(free_flight(), settings, tmp_path)
    assert result["ensemble"] == "NVT (CSVR)"
    energies: list[float] = []
    for replica in range(1, 11):
        with Trajectory(numbered(output, replica)) as flight:
            assert canonical_temperature(flight) == 300.0
            energies += [33 * float(temperature(flight.state(k))) / 300.0 for k in range(1, len(flight))]
            momenta = (flight.spec.masses[:, None] * flight.velocities[()]).sum(1)
            assert np.abs(momenta).max() < 1e-5  # float32 frames
    assert len(energies) == 500
    assert stats.kstest(energies, stats.chi2(33).cdf).pvalue > 0.01


def test_same_seed_same_trajectory_other_seed_another(tmp_path: Path) -> None:
    frames = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        _, output = run(network(), replace(SETTINGS, seed=seed, duration_ps=0.02), tmp_path / name)
        with Trajectory(output) as trajectory:
            frames.append(trajectory.positions[()])
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])


def test_every_alarm_rings() -> None:
    state = thermal_velocities(random_state(2), 300.0, torch.Generator().manual_seed(1))
    dof = degrees_of_freedom(state)
    guard = GuardSettings(min_temperature_K=100.0, max_temperature_K=1000.0, min_distance_A=0.5)

    def moving(changed: State, ratio: float = 1.0) -> Alarm | None:
        finite, temperature = read_motion(changed, dof)
        found = motion_alarm(bool(finite), float(temperature), guard, ratio)
        assert bool(motion_allowed(finite, temperature, guard, torch.tensor(ratio))) is (found is None)
        return found

    def ending(changed: State) -> Ending:
        found = moving(changed)
        assert found is not None
        return found.ending

    assert moving(state) is None
    for broken in (state.positions * torch.nan, state.positions + torch.inf):
        assert ending(replace(state, positions=broken)) is Ending.NOT_FINITE
    one_bad = state.velocities.clone()
    one_bad[3, 1] = torch.nan
    assert ending(replace(state, velocities=one_bad)) is Ending.NOT_FINITE
    assert ending(replace(state, velocities=1e200 * state.velocities)) is Ending.TOO_HOT
    assert ending(replace(state, velocities=3 * state.velocities)) is Ending.TOO_HOT
    assert ending(replace(state, velocities=0.1 * state.velocities)) is Ending.TOO_COLD
    colder = replace(state, velocities=torch.sqrt(80.0 / temperature(state)) * state.velocities)
    assert ending(colder) is Ending.TOO_COLD
    assert [moving(colder, ratio) for ratio in (0.79, 0.081)] == [None, None]
    assert moving(colder, 0.81) == Alarm(Ending.TOO_COLD, "temperature 80 K is below 81 K")
    assert moving(colder, 0.079) == Alarm(Ending.TOO_HOT, "temperature 80 K exceeds 79 K")
    close = state.positions.clone()
    close[1] = close[0] + torch.tensor([0.0, 0.0, 0.4])
    search = search_for(state, 3.0)
    far, near = search(state).closest, search(replace(state, positions=close)).closest
    for closest, allowed in ((far, True), (near, False), (torch.tensor([torch.nan]), False)):
        assert distance_allowed(closest, guard).item() is allowed
        assert (distance_alarm(closest.item(), guard) is None) is allowed
    assert distance_alarm(near.item(), guard) == Alarm(Ending.OVERLAP, "two atoms are 0.40 Å apart, closer than 0.5 Å")


@pytest.mark.parametrize(
    ("model", "guard", "outcome"),
    [
        (network(outputs=NOTHING, baseline=((2.0, 1.2), (2.0, 1.2))), GUARD, "too hot"),
        (network(outputs=NOTHING, baseline=((2.0, 0.8), (2.0, 0.8))), GUARD, "too cold"),
        (
            network(outputs=NOTHING, baseline=((1e200, 1.0), (-1e200, 1.0))),
            replace(GUARD, max_temperature_K=1e9),
            "not finite",
        ),
        (free_flight(), replace(GUARD, min_distance_A=0.8), "atoms overlap"),
    ],
    ids=["hot", "cold", "not finite", "overlap"],
)
def test_a_bad_rollout_ends_early_and_keeps_its_frames(
    tmp_path: Path, model: TrajCast, guard: GuardSettings, outcome: str
) -> None:
    settings = replace(SETTINGS, guard=guard, thermostat=None, equilibration_ps=0.0, duration_ps=20.0)
    if outcome == "not finite":
        model.outputs = torch.full_like(model.outputs, torch.inf)
    result, output = run(model, settings, tmp_path)
    assert result["outcome"] == outcome
    assert result["reason"]
    assert result["step"] < result["steps_planned"]
    with Trajectory(output) as trajectory:
        assert len(trajectory) == result["frames"] == result["step"] + 1
        assert np.isfinite(trajectory.positions[()]).all()


def test_ending_during_equilibration_leaves_an_empty_trajectory(tmp_path: Path) -> None:
    model = network(outputs=NOTHING, baseline=((2.0, 1.5), (2.0, 1.5)))
    settings = replace(SETTINGS, thermostat=None, equilibration_ps=1.0)
    result, output = run(model, settings, tmp_path)
    assert result["outcome"] == "too hot"
    assert result["frames"] == 0
    with Trajectory(output) as trajectory:
        assert len(trajectory) == 0


def test_steps_are_whole() -> None:
    steps = step_counts(SETTINGS, 2.0)
    assert (steps.equilibration, steps.production, steps.total) == (10, 100, 110)
    assert [s for s in range(13) if steps.keeps(s)] == [10, 11, 12]
    every = step_counts(replace(SETTINGS, frame_every=3), 2.0)
    assert [sum(every.keeps(s) for s in range(n + 1)) for n in (9, 10, 16, 110)] == [
        every.frames(n) for n in (9, 10, 16, 110)
    ]
    with pytest.raises(UserError, match=r"equilibration_ps in fs 20 is not a multiple of the horizon 7"):
        step_counts(SETTINGS, 7.0)


def test_unknown_thermostat_lists_the_alternatives() -> None:
    with pytest.raises(UserError, match=r"'csvrr' is not known; choose one of: csvr"):
        stepper(network(), replace(SETTINGS, thermostat="csvrr"), random_state(1))


def test_unknown_element_stops_before_the_first_step(tmp_path: Path) -> None:
    start = random_state(1)
    spec = replace(spec_of(start), numbers=np.full(12, 14))
    with pytest.raises(UserError, match="knows H, O, not Si"):
        run_rollout(
            network(), SETTINGS, spec, start.positions, output=tmp_path / "f", outcome=tmp_path / "o", record={}
        )


def test_overlap_at_the_start_and_after_a_step() -> None:
    guard = replace(GUARD, min_distance_A=1.0)
    apart = replace(
        random_state(1, atoms=2),
        positions=torch.tensor([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0]], dtype=torch.float64),
        velocities=torch.tensor([[0.0, 0.0, 0.0], [-0.1, 0.0, 0.0]], dtype=torch.float64),
    )
    step = stepper(free_flight(), replace(SETTINGS, guard=replace(guard, max_temperature_K=1e9)), apart)
    yes = torch.tensor([True])
    rollout_state, _ = step.begin(apart, yes)
    assert rollout_state.active.item()
    later, report = step(
        rollout_state, torch.zeros(1, *step.noise_shape, dtype=torch.float64), TARGET, remove_com_motion=False
    )
    assert not later.active.item()
    alarm = distance_alarm(float(report.readings.closest), guard)
    assert alarm is not None
    assert alarm.ending is Ending.OVERLAP
    rollout_state, _ = step.begin(replace(apart, positions=0.5 * apart.positions), yes)
    assert not rollout_state.active.item()


@pytest.mark.parametrize("length", [6.0, None], ids=["periodic", "vacuum"])
def test_totals_are_zeroed_now_and_then(length: float | None) -> None:
    """A thermostat multiplies P and L like all velocities: in nanoseconds what rounding leaves would grow to motion."""
    drifting = random_state(3, length=length, momentum=0.5)
    step = stepper(free_flight(), replace(SETTINGS, thermostat=None), drifting)
    rollout_state, _ = step.begin(drifting, torch.tensor([True]))
    before = momentum(drifting)
    assert before.norm() > 0.1
    for remove_com_motion in (False, True):
        later, _ = step(
            rollout_state,
            torch.zeros(1, *step.noise_shape, dtype=torch.float64),
            TARGET,
            remove_com_motion=remove_com_motion,
        )
        expected = torch.zeros_like(before) if remove_com_motion else before
        torch.testing.assert_close(momentum(later.state), expected, atol=1e-12, rtol=1e-9)
    assert (angular_momentum(later.state).norm() < 1e-10) == (length is None)


def test_a_start_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    start = random_state(1)
    positions = start.positions * torch.nan
    with pytest.raises(UserError, match="a start position is not finite"):
        run_rollout(
            network(), SETTINGS, spec_of(start), positions, output=tmp_path / "f", outcome=tmp_path / "o", record={}
        )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a model, a start and settings for the command."""
    save_model(tmp_path / "model.safetensors", network().float())
    start = random_state(1)
    recorder = Recorder(tmp_path / "start.h5md", spec_of(start), identity={}, provenance={})
    recorder.add(0, 0.0, start.positions.numpy(), start.velocities.numpy())
    recorder.commit({})
    recorder.finish()
    settings = replace(SETTINGS, duration_ps=0.6, supercell=[2, 1, 1])
    settings = replace(settings, guard=replace(GUARD, max_temperature_K=1e9))
    (tmp_path / "rollout.yaml").write_text(yaml.safe_dump(asdict(settings)))
    return tmp_path


def command(folder: Path, name: str) -> list[str]:
    files = {"settings": "rollout.yaml", "model": "model.safetensors", "start": "start.h5md"}
    made = {"output": f"{name}.h5md", "outcome": f"{name}.json"}
    return ["rollout", *[part for k, v in (files | made).items() for part in (f"--{k}", str(folder / v))]]


def test_kill_9_and_resume_gives_the_same_trajectories(files: Path) -> None:
    settings = yaml.safe_load((files / "rollout.yaml").read_text()) | {"replicas": 2, "duration_ps": 0.4, "seed": 2}
    (files / "rollout.yaml").write_text(yaml.safe_dump(settings))
    assert main(command(files, "whole")) == 0
    script = f"""
import trajcast.rollout.burst as burst, trajcast.rollout.loop as rollout
rollout.COMMIT_EVERY_S = 0.0
burst.BURST_S = 0.02
from trajcast.cli import main
raise SystemExit(main({command(files, "killed")!r}))"""
    killed = 0
    for wait in (0.02, 0.1, 0.05):
        process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        known = len(list(files.glob(".killed*.h5md.*/segment-*.h5")))
        while (
            len(list(files.glob(".killed*.h5md.*/segment-*.h5"))) <= known
            and process.poll() is None
            and time.monotonic() < deadline
        ):
            time.sleep(0.002)
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed
    assert not (files / "killed.h5md").exists()
    assert main(command(files, "killed")) == 0
    for end in ("", "-2"):
        with Trajectory(files / f"whole{end}.h5md") as whole, Trajectory(files / f"killed{end}.h5md") as resumed:
            assert whole.spec.n_atoms == 24
            assert len(whole) == len(resumed)
            assert np.array_equal(whole.positions[()], resumed.positions[()])
            assert np.array_equal(whole.velocities[()], resumed.velocities[()])
            assert np.array_equal(whole.times, resumed.times)
        assert json.loads((files / f"killed{end}.json").read_text())["outcome"] == "completed"
    assert not list(files.glob(".killed*.h5md.*/"))


def test_sigterm_saves_and_the_same_command_gives_the_same_trajectory(files: Path) -> None:
    assert main(command(files, "whole")) == 0
    script = f"""
import trajcast.rollout.burst as burst
burst.BURST_S = 0.02
from trajcast.cli import main
raise SystemExit(main({command(files, "stopped")!r}))"""
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "rollout at" not in (line := process.stderr.readline()) and line:
        pass
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == os.EX_TEMPFAIL, stderr
    assert "trajcast rollout: SIGTERM received; saved after step " in stderr.splitlines()[-1]
    assert len(list(files.glob(".stopped.h5md.*/segment-*.h5"))) == 1
    assert main(command(files, "stopped")) == 0
    with Trajectory(files / "whole.h5md") as whole, Trajectory(files / "stopped.h5md") as resumed:
        assert np.array_equal(whole.positions[()], resumed.positions[()])
        assert np.array_equal(whole.velocities[()], resumed.velocities[()])


def test_a_finished_rollout_is_left_alone_unless_something_changed(files: Path) -> None:
    """The process that a job had to wait for may have made it."""
    assert main(command(files, "f")) == 0
    first = (files / "f.h5md").stat().st_mtime_ns
    assert main(command(files, "f")) == 0
    assert (files / "f.h5md").stat().st_mtime_ns == first
    assert not list(files.glob(".f.h5md.*/"))
    settings = yaml.safe_load((files / "rollout.yaml").read_text()) | {"seed": 2}
    (files / "rollout.yaml").write_text(yaml.safe_dump(settings))
    assert main(command(files, "f")) == 0
    assert (files / "f.h5md").stat().st_mtime_ns > first


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(files: Path) -> None:
    for limit, code in ((20_000, 1), (-1, 0)):
        script = f"""
import resource
from trajcast.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
raise SystemExit(main({command(files, "full")!r}))"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        if limit > 0:
            assert "Traceback" not in done.stderr
            assert "rollout: failure: [Errno 27] File too large; make room, then" in done.stderr.splitlines()[-1]
            assert not (files / "full.h5md").exists()
    with Trajectory(files / "full.h5md") as trajectory:
        assert len(trajectory) == json.loads((files / "full.json").read_text())["frames"] > 100


def test_truncated_start_is_one_clear_line(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "start.h5md").write_bytes((files / "start.h5md").read_bytes()[:2000])
    assert main(command(files, "x")) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "start.h5md: not a readable H5MD file" in message
    assert not (files / "x.h5md").exists()


def test_another_frame_to_start_from(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(files, "last")) == 0
    with Trajectory(files / "last.h5md") as start:
        frames = len(start)
    outcomes = []
    for name, frame in (("first", 0), ("end", frames - 1), ("same", -1)):
        arguments = command(files, name)
        arguments[arguments.index("--start") + 1] = str(files / "last.h5md")
        arguments += ["--frame", str(frame)]
        values = yaml.safe_load((files / "rollout.yaml").read_text()) | {"supercell": [1, 1, 1], "duration_ps": 0.002}
        (files / "short.yaml").write_text(yaml.safe_dump(values | {"equilibration_ps": 0.0}))
        arguments[arguments.index("--settings") + 1] = str(files / "short.yaml")
        assert main(arguments) == 0
        with Trajectory(files / f"{name}.h5md") as rolled:
            outcomes.append(rolled.positions[0])
    with Trajectory(files / "last.h5md") as start:
        assert np.array_equal(outcomes[0], start.positions[0])
        assert np.array_equal(outcomes[1], start.positions[-1])
        assert np.array_equal(outcomes[2], outcomes[1])
    arguments[arguments.index("--frame") + 1] = str(frames)
    assert main(arguments) == 2
    assert f"no frame {frames} of {frames}; count from 0" in capsys.readouterr().err


def test_supercell_of_a_wire_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = random_state(1, length=None)
    recorder = Recorder(files / "start.h5md", spec_of(start), identity={"other": 1}, provenance={})
    recorder.add(0, 0.0, start.positions.numpy(), start.velocities.numpy())
    recorder.commit({})
    recorder.finish()
    assert main(command(files, "x")) == 2
    assert "direction 1 is not periodic; put 1 there" in capsys.readouterr().err
