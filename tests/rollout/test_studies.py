"""Temperatures of every step, rollouts from reference states, and speed, of a model whose dynamics are exact."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_systems import NOTHING, network, random_state

from trajcast.cli import main
from trajcast.config.settings import GuardSettings, NetworkSettings, RolloutSettings
from trajcast.core.mechanics import set_momentum, temperature
from trajcast.core.system_spec import spec_of
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.model.store import save_model
from trajcast.rollout import loop
from trajcast.rollout.reporters.temperatures import TemperatureRecorder

GUARD = GuardSettings(min_temperature_K=1.0, max_temperature_K=3000.0, min_distance_A=0.0)
SETTINGS = RolloutSettings(duration_ps=1.0, equilibration_ps=0.1, temperature_K=300.0, seed=1, guard=GUARD)
HORIZON_FS = 2.0
MD_FRAMES, MD_INTERVAL_FS = 120, 1.0


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A model of free flight, and reference MD that flies freely, too."""
    tiny = NetworkSettings(channels=1, l_max=1, layers=1, radial_mlp=[2], speed_mlp=[2])
    save_model(tmp_path / "model.safetensors", network(tiny, outputs=NOTHING, baseline=((2.0, 1.0), (2.0, 1.0))))
    start = set_momentum(random_state(1))
    recorder = Recorder(tmp_path / "md.h5md", spec_of(start), identity={}, provenance={})
    for frame in range(1, MD_FRAMES + 1):
        time_fs = frame * MD_INTERVAL_FS
        recorder.add(frame, time_fs, (start.positions + time_fs * start.velocities).numpy(), start.velocities.numpy())
    recorder.commit({})
    recorder.finish()
    return tmp_path


def command(name: str, files: Path, settings: RolloutSettings, *more: str) -> list[str]:
    (files / "rollout.yaml").write_text(yaml.safe_dump(asdict(settings)), encoding="utf-8")
    return [name, "--settings", str(files / "rollout.yaml"), "--model", str(files / "model.safetensors"), *more]


def thermostat(files: Path, settings: RolloutSettings, name: str = "t") -> dict[str, Any]:
    start, output, outcome = files / "md.h5md", files / f"{name}.json", files / f"{name}-outcome.json"
    more = ("--start", str(start), "--output", str(output), "--outcome", str(outcome))
    assert main(command("thermostat", files, settings, *more)) == 0
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    assert found["outcome"] == json.loads(outcome.read_text(encoding="utf-8"))
    return found


def test_temperatures_of_every_step_are_canonical(files: Path) -> None:
    """Free flight keeps T, so all motion of it is the thermostat's: mean T and width T √(2/dof) of 12 atoms."""
    found = thermostat(files, replace(SETTINGS, duration_ps=8.0, tau_horizons=5.0))
    assert found["steps"] == 4001  # the start of the production and every step after it
    assert found["degrees_of_freedom"] == 33
    assert found["theory_width_K"] == pytest.approx(300 * np.sqrt(2 / 33))
    assert abs(found["mean_K"] - 300) < 4 * found["mean_error_K"] < 40
    assert abs(found["width_K"] - found["theory_width_K"]) < 4 * found["width_error_K"] < 30
    assert set(found["elements"]) == {"O", "H"}
    assert not list(files.glob(".t.json.*/"))


def test_temperatures_are_those_of_the_frames(files: Path) -> None:
    found = thermostat(files, SETTINGS)
    frames = files / "f.h5md"
    more = ("--start", str(files / "md.h5md"), "--output", str(frames), "--outcome", str(files / "o.json"))
    assert main(command("rollout", files, SETTINGS, *more)) == 0
    with Trajectory(frames) as trajectory:
        kelvin = [float(temperature(trajectory.state(k))[0]) for k in range(len(trajectory))]
    assert found["steps"] == len(kelvin)
    assert found["mean_K"] == pytest.approx(np.mean(kelvin), rel=1e-9)
    assert found["width_K"] == pytest.approx(np.std(kelvin, ddof=1), rel=1e-9)
    assert (files / "t.json").stat().st_size < frames.stat().st_size / 10


def test_an_interrupted_run_goes_on_to_the_same_temperatures(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = thermostat(files, SETTINGS, "whole")
    monkeypatch.setattr(loop, "COMMIT_EVERY_S", 0.0)
    commits, taken = [], TemperatureRecorder._take_frames

    def broken(self: TemperatureRecorder) -> Any:
        commits.append(self)
        if len(commits) == 4:
            raise KeyboardInterrupt
        return taken(self)

    with monkeypatch.context() as patch:
        patch.setattr(TemperatureRecorder, "_take_frames", broken)
        more = ("--start", str(files / "md.h5md"), "--output", str(files / "cut.json"))
        assert main(command("thermostat", files, SETTINGS, *more, "--outcome", str(files / "c.json"))) == 130
    assert len(commits) == 4
    assert not (files / "cut.json").exists()
    resumed = thermostat(files, SETTINGS, "cut")
    for key in ("steps", "mean_K", "width_K", "mean_error_K", "elements"):
        assert resumed[key] == whole[key]


def test_a_rollout_that_the_guard_ends_is_told(files: Path) -> None:
    settings = replace(SETTINGS, guard=replace(GUARD, min_temperature_K=290.0, max_temperature_K=310.0))
    found = thermostat(files, settings)
    assert found["outcome"]["outcome"] in ("too hot", "too cold")
    assert found["steps"] < 501
    assert found["mean_K"] is None or 280 < found["mean_K"] < 320


def same_start(files: Path, settings: RolloutSettings) -> int:
    more = ("--md", str(files / "md.h5md"), "--md-output", str(files / "md0.h5md"))
    outputs = ("--output", str(files / "same.h5md"), "--outcome", str(files / "same.json"))
    return main(command("same_start", files, settings, *more, *outputs))


def test_same_start_has_the_same_state_and_the_same_clock(files: Path) -> None:
    settings = replace(SETTINGS, duration_ps=0.1, equilibration_ps=0.0, thermostat=None)
    assert same_start(files, settings) == 0
    with Trajectory(files / "md0.h5md") as md, Trajectory(files / "same.h5md") as rollout:
        np.testing.assert_array_equal(md.times, np.arange(101) * MD_INTERVAL_FS)
        np.testing.assert_array_equal(rollout.times, np.arange(51) * HORIZON_FS)
        np.testing.assert_array_equal(rollout.positions[0], md.positions[0])
        np.testing.assert_array_equal(rollout.velocities[0], md.velocities[0])
        np.testing.assert_allclose(rollout.positions[()], md.positions[::2], atol=1e-5)  # float32 frames
    assert json.loads((files / "same.json").read_text())["ensemble"] == "NVE"


def test_same_start_needs_reference_md_of_that_length(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert same_start(files, replace(SETTINGS, duration_ps=0.2, equilibration_ps=0.0, thermostat=None)) == 2
    assert "119 fs long, but 200 fs are required; lengthen the run" in capsys.readouterr().err
    assert not (files / "md0.h5md").exists()


def test_speed_of_a_supercell(files: Path) -> None:
    settings = replace(SETTINGS, duration_ps=0.06, equilibration_ps=0.0, supercell=[2, 1, 1])
    more = ("--start", str(files / "md.h5md"), "--output", str(files / "speed.json"))
    assert main(command("speed", files, settings, *more)) == 0
    found = json.loads((files / "speed.json").read_text(encoding="utf-8"))
    assert (found["atoms"], found["steps"], found["outcome"]) == (24, 30, "completed")
    assert found["ms_per_step"] == pytest.approx(1000 * found["wall_s"] / 30)
    assert found["ns_per_day"] == pytest.approx(86400 * 1e-6 * HORIZON_FS / (found["ms_per_step"] / 1000))
    assert found["device"] == "cpu"


def pretrained(files: Path, horizon_fs: float) -> int:
    model, output = files / "model.safetensors", files / "copy"
    return main(["pretrained", "--model", str(model), "--horizon-fs", str(horizon_fs), "--output", str(output)])


def test_a_finished_model_is_copied_whole(files: Path) -> None:
    assert pretrained(files, HORIZON_FS) == 0
    for end in ("safetensors", "json"):
        assert (files / f"copy/model.{end}").read_bytes() == (files / f"model.{end}").read_bytes()


def test_a_model_of_another_horizon_or_a_damaged_one_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pretrained(files, 5.0) == 2
    assert "its horizon is 2 fs, not the requested 5 fs" in capsys.readouterr().err
    path = files / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert pretrained(files, HORIZON_FS) == 2
    assert "damaged weights" in capsys.readouterr().err
    assert not (files / "copy").exists()
