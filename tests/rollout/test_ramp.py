"""Temperature ramps of rollouts: the thermostat's law with a moving target, the guard, interruptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from small_systems import NOTHING, network, random_state

from trajcast.cli import main
from trajcast.config.settings import GuardSettings, NetworkSettings, RolloutSettings
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.core.mechanics import degrees_of_freedom, kinetic_energy, thermal_velocities
from trajcast.core.state import join
from trajcast.core.system_spec import spec_of
from trajcast.core.units import BOLTZMANN
from trajcast.io.files import numbered
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.model.store import save_model
from trajcast.observables.temperature import canonical_temperature
from trajcast.rollout.loop import run_rollout
from trajcast.rollout.ramp import targets
from trajcast.rollout.rules.thermostats import csvr, csvr_elements
from trajcast.rollout.steps import step_counts

GUARD = GuardSettings(min_temperature_K=1.0, max_temperature_K=3000.0, min_distance_A=0.0)
SETTINGS = RolloutSettings(
    duration_ps=0.2,
    equilibration_ps=0.02,
    temperature_K=300.0,
    final_temperature_K=180.0,
    tau_horizons=4.0,
    seed=1,
    guard=GUARD,
)
FREE_FLIGHT = network(
    NetworkSettings(channels=1, l_max=1, layers=1, radial_mlp=[2], speed_mlp=[2]),
    outputs=NOTHING,
    baseline=((2.0, 1.0), (2.0, 1.0)),
)


def run(settings: RolloutSettings, folder: Path, model: Any = FREE_FLIGHT) -> tuple[list[dict[str, Any]], Path]:
    folder.mkdir(exist_ok=True)
    start, output = random_state(1), folder / "f.h5md"
    results = run_rollout(
        model, settings, spec_of(start), start.positions, output=output, outcome=folder / "o.json", record={}
    )
    return results, output


def arrays(path: Path) -> tuple[np.ndarray, ...]:
    with Trajectory(path) as trajectory:
        return trajectory.times, trajectory.positions[()], trajectory.velocities[()]


def test_the_target_is_linear_in_steps_after_the_equilibration() -> None:
    steps = step_counts(SETTINGS, 2.0)
    whole = targets(SETTINGS, steps, range(1, steps.total + 1))
    assert (steps.equilibration, steps.production) == (10, 100)
    assert whole[:10].tolist() == [300.0] * 10
    np.testing.assert_allclose(whole[10:], 300.0 - 1.2 * np.arange(1, 101), rtol=1e-14)
    assert torch.equal(
        whole, torch.cat([targets(SETTINGS, steps, range(a, b)) for a, b in ((1, 8), (8, 60), (60, 111))])
    )
    for constant in (None, 300.0):
        kept = replace(SETTINGS, final_temperature_K=constant)
        assert targets(kept, steps, range(1, 111)).tolist() == [300.0] * 110


@pytest.mark.parametrize("thermostat", ["csvr", "csvr_elements"])
def test_a_ramp_to_the_same_temperature_changes_no_bit(tmp_path: Path, thermostat: str) -> None:
    constant = replace(SETTINGS, thermostat=thermostat, final_temperature_K=None)
    _, plain = run(constant, tmp_path / "plain", network())
    _, level = run(replace(constant, final_temperature_K=300.0), tmp_path / "level", network())
    _, cooled = run(replace(constant, final_temperature_K=180.0), tmp_path / "cooled", network())
    for a, b in zip(arrays(plain), arrays(level), strict=True):
        assert np.array_equal(a, b)
    assert not np.array_equal(arrays(plain)[2], arrays(cooled)[2])


def followed(target_K: np.ndarray, start_K: float, interval_over_tau: float) -> np.ndarray:
    """Mean temperatures by the thermostat's equation dT = (target − T) dt / τ, one step at each target."""
    mean, kept = [start_K], np.exp(-interval_over_tau)
    for target in target_K:
        mean.append(kept * mean[-1] + (1 - kept) * target)
    return np.array(mean[1:])


@pytest.mark.parametrize("thermostat", [csvr, csvr_elements], ids=["csvr", "csvr_elements"])
def test_kinetic_energy_follows_a_moving_target(thermostat: ModuleType) -> None:
    """Mean over many free systems within its standard error at every step; the width is canonical all along.

    A target that moves slowly compared with τ is followed τ × rate behind it.
    """
    n, steps, tau, interval = 3000, 60, 8.0, 2.0
    state = thermal_velocities(join([random_state(1, atoms=27)] * n), 300.0, torch.Generator().manual_seed(6))
    dof, rng = degrees_of_freedom(state), torch.Generator().manual_seed(7)
    target_K = torch.linspace(298.0, 180.0, steps, dtype=torch.float64)
    shape = (n, *thermostat.noise_shape(state, dof))
    kelvin = []
    for target in target_K:
        normal = torch.randn(shape, generator=rng, dtype=torch.float64)
        state = thermostat.apply(
            state, temperature_K=target, tau_fs=tau, interval_fs=interval, degrees_of_freedom=dof, normal=normal
        )
        kelvin.append((2 * kinetic_energy(state) / (dof * BOLTZMANN)).numpy())
    found = np.array(kelvin)
    expected = followed(target_K.numpy(), 300.0, interval / tau)
    width = np.sqrt(2 / 78)  # canonical, relative, 3 × 27 − 3 degrees of freedom
    error = expected * width / np.sqrt(n)
    assert np.abs(found.mean(1) - expected).max() < 4.5 * error.max()
    assert np.abs((found.mean(1) - expected) / error).max() < 4.5
    lag = found.mean(1)[30:] - target_K.numpy()[30:]
    assert abs(lag.mean() - 2.0 / (np.exp(interval / tau) - 1)) < 4 * error.max()  # 2 K a step
    assert (lag > 4 * error.max()).all()  # a target that is not moved would be seen
    assert abs(found[-1].std(ddof=1) / found[-1].mean() / width - 1) < 4 / np.sqrt(2 * n)


def test_a_rollout_follows_the_ramp(tmp_path: Path) -> None:
    """Free flight, ten replicas; heating works as cooling does."""
    for final in (150.0, 600.0):
        settings = replace(
            SETTINGS, duration_ps=2.0, equilibration_ps=0.1, final_temperature_K=final, frame_every=10, replicas=10
        )
        results, output = run(settings, tmp_path / f"{final:g}")
        assert [r["outcome"] for r in results] == ["completed"] * 10
        assert results[0]["ensemble"] == f"NVT (CSVR, to {final:g} K)"
        kelvin = []
        for replica in range(1, 11):
            with Trajectory(numbered(output, replica)) as flight:
                assert canonical_temperature(flight) is None
                assert flight.provenance["settings"]["final_temperature_K"] == final
                states = join([flight.state(k) for k in range(1, len(flight))])
                times = flight.times[1:]
            kelvin.append((2 * kinetic_energy(states) / (33 * BOLTZMANN)).numpy())
        steps = step_counts(settings, 2.0)
        target_K = targets(settings, steps, range(1, steps.total + 1)).numpy()
        mean = followed(target_K, 300.0, 1 / settings.tau_horizons)[steps.equilibration + 9 :: 10]
        assert len(mean) == len(times) == 100
        relative = np.mean(kelvin, axis=0) / mean - 1
        independent = 10 * 100 * np.tanh(10 / settings.tau_horizons / 2)  # correlation e^(−10/4) from frame to frame
        assert abs(relative.mean()) < 4 * np.sqrt(2 / 33 / independent)
        for half in (relative[:50], relative[50:]):
            assert abs(half.mean()) < 4 * np.sqrt(2 / 33 / (independent / 2))


def test_the_guard_follows_the_ramp(tmp_path: Path) -> None:
    """Cooled to a sixth of the start's temperature, below the guard's band there, the rollout completes; left hot by
    a thermostat that is too slow it rings, inside the band of the start."""
    band = GuardSettings(min_temperature_K=120.0, max_temperature_K=700.0, min_distance_A=0.0)
    settings = replace(SETTINGS, final_temperature_K=50.0, duration_ps=1.0, guard=band)
    [well], output = run(settings, tmp_path / "well")
    assert well["outcome"] == "completed"
    with Trajectory(output) as flight:
        assert float(2 * kinetic_energy(flight.state(-1)) / (33 * BOLTZMANN)) < 120.0
    [hot], _ = run(replace(settings, tau_horizons=1e6), tmp_path / "hot")
    assert hot["outcome"] == "too hot"
    exceeded = float(hot["reason"].split("exceeds ")[1].split()[0])
    done = (hot["step"] + 1 - 10) / 500
    assert exceeded == pytest.approx(700 * (1 + done * (50 - 300) / 300), rel=1e-3)


def test_a_ramp_needs_a_thermostat_and_a_temperature() -> None:
    values = asdict(SETTINGS)
    with pytest.raises(UserError, match=r"final_temperature_K is 180, but thermostat is null; name a thermostat"):
        validate(RolloutSettings, values | {"thermostat": None}, "rollout.yaml")
    with pytest.raises(UserError, match=r"final_temperature_K: -1.0 is wrong: input should be greater than 0"):
        validate(RolloutSettings, values | {"final_temperature_K": -1.0}, "rollout.yaml")


def test_kill_9_along_a_ramp_and_resume_gives_the_same_trajectories(tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors", network().float())
    start = random_state(1)
    recorder = Recorder(tmp_path / "start.h5md", spec_of(start), identity={}, provenance={})
    recorder.add(0, 0.0, start.positions.numpy(), start.velocities.numpy())
    recorder.commit({})
    recorder.finish()
    settings = replace(
        SETTINGS, duration_ps=0.4, replicas=2, thermostat="csvr_elements", guard=replace(GUARD, max_temperature_K=1e9)
    )
    (tmp_path / "rollout.yaml").write_text(yaml.safe_dump(asdict(settings)))

    def command(name: str) -> list[str]:
        files = {"settings": "rollout.yaml", "model": "model.safetensors", "start": "start.h5md"}
        files |= {"output": f"{name}.h5md", "outcome": f"{name}.json"}
        return ["rollout", *(part for k, v in files.items() for part in (f"--{k}", str(tmp_path / v)))]

    assert main(command("whole")) == 0
    script = f"""
import trajcast.rollout.burst as burst, trajcast.rollout.loop as rollout
rollout.COMMIT_EVERY_S = 0.0
burst.BURST_S = 0.02
from trajcast.cli import main
raise SystemExit(main({command("killed")!r}))"""
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".killed*.h5md.*/segment-*.h5"))) < 8 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed.h5md").exists()
    assert main(command("killed")) == 0
    for end in ("", "-2"):
        for a, b in zip(arrays(tmp_path / f"whole{end}.h5md"), arrays(tmp_path / f"killed{end}.h5md"), strict=True):
            assert np.array_equal(a, b)
