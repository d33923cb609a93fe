"""Cooling: LAMMPS' ramp against the thermostat's law, and what is measured in windows against closed forms."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_reference
import torch
from numpy.typing import NDArray
from synthetic import context, spec, write

from trajcast.config.schema import ReferenceSettings
from trajcast.config.studies import CoolingStudy, RampSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import angular_momentum, momentum, thermal_velocities
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.figures.cooling.comparison import compare, read_methods
from trajcast.figures.cooling.figure import draw
from trajcast.figures.cooling.windows import measure_windows
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.observables.temperature import canonical_temperature
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series
from trajcast.reference.engines import MdRun, lammps
from trajcast.reference.engines.lammps import simulate
from trajcast.reference.ramp import cool

ATOMS, EDGE_A = 100, 30.0
MAY_MISS = 4.0  # standard errors
GAS = "units metal\natom_style atomic\npair_style zero 5.0\nread_data {data}\npair_coeff * *\n"
DATA = "gas\n\n{n} atoms\n1 atom types\n{box}\nMasses\n\n1 15.999\n\nAtoms # atomic\n\n{rows}"


def gas(folder: Path) -> ReferenceSettings:
    """A reference of free atoms as LAMMPS input, and `start.h5md` with two frames of them at 300 K."""
    rng = np.random.default_rng(1)
    positions = rng.uniform(0, EDGE_A, size=(ATOMS, 3))
    rows = "".join(f"{i} 1 {x!r} {y!r} {z!r}\n" for i, (x, y, z) in enumerate(positions.tolist(), 1))
    box = "".join(f"0 {EDGE_A} {axis}lo {axis}hi\n" for axis in "xyz")
    (folder / "gas.data").write_text(DATA.format(n=ATOMS, box=box, rows=rows), encoding="utf-8")
    (folder / "gas.in").write_text(GAS.format(data=folder / "gas.data"), encoding="utf-8")
    top = spec([8] * ATOMS, EDGE_A)
    at_rest = top.state(positions, 0 * positions)
    frames = [thermal_velocities(at_rest, 300.0, torch.Generator().manual_seed(s)).velocities.numpy() for s in (1, 2)]
    write(folder / "start.h5md", top, np.stack([positions] * 2), np.stack(frames), 1.0)
    changes: dict[str, Any] = {"timestep_fs": 1.0, "nve": {"interval_fs": 1.0}, "nvt": {"tau_fs": 20.0}}
    reference = tiny_reference.settings(system="lammps_input", **changes)
    return reference.model_copy(update={"parameters": {"input_file": str(folder / "gas.in"), "elements": ["O"]}})


def frames(path: Path) -> tuple[NDArray, ...]:
    with Trajectory(path) as trajectory:
        return trajectory.times, trajectory.positions[()], trajectory.velocities[()]


def test_lammps_follows_the_ramp(tmp_path: Path) -> None:
    """Free atoms: the mean of the canonical distribution at the moving target, through many short runs of LAMMPS."""
    ramp = RampSettings(final_temperature_K=150.0, duration_ps=10.0, interval_fs=10.0)
    cool(gas(tmp_path), ramp, tmp_path / "start.h5md", 1, 3, tmp_path / "md.h5md")
    with Trajectory(tmp_path / "md.h5md") as trajectory:
        assert len(trajectory) == 1000
        assert canonical_temperature(trajectory) is None
        assert trajectory.provenance["ensemble"] == "NVT (CSVR, to 150 K)"
        kelvin, times = temperature_series(trajectory)[ALL_ATOMS], trajectory.times
    lag_K = 20e-3 * 15  # τ × rate
    relative = kelvin / (300.0 - 15.0 * times / 1000 + lag_K) - 1
    width, correlated = np.sqrt(2 / (3 * ATOMS - 3)), np.tanh(10 / 20 / 2)
    for part in np.split(relative, 4):
        assert abs(part.mean()) < MAY_MISS * width / np.sqrt(len(part) * correlated)
    assert relative.std() == pytest.approx(width, rel=MAY_MISS / np.sqrt(2 * 1000 * np.tanh(10 / 20)))


def test_a_ramp_to_the_same_temperature_is_the_run_without(tmp_path: Path) -> None:
    reference = gas(tmp_path)
    made = []
    for name, last_K in (("plain", None), ("level", 300.0), ("cooled", 100.0)):
        run = MdRun(
            name=name, ensemble="NVT (CSVR)", steps=400, every=10, relaxation_fs=20.0, final_temperature_K=last_K
        )
        with Trajectory(tmp_path / "start.h5md") as start:
            state, top = start.state(0), start.spec
        recorder = Recorder(tmp_path / f"{name}.h5md", top, identity={}, provenance={}, energies=("potential", "total"))
        simulate(reference, run, state, recorder)
        made.append(frames(tmp_path / f"{name}.h5md"))
    plain, level, cooled = made
    assert all(np.array_equal(a, b) for a, b in zip(plain, level, strict=True))
    assert not np.array_equal(plain[2], cooled[2])


def test_an_interrupted_ramp_goes_on_to_the_same_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = gas(tmp_path)
    ramp = RampSettings(final_temperature_K=150.0, duration_ps=1.0, interval_fs=10.0)
    monkeypatch.setattr(lammps, "SEGMENT_FRAMES", 20)
    start = tmp_path / "start.h5md"
    cool(reference, ramp, start, 0, 3, tmp_path / "whole.h5md")
    commit, committed = Recorder.commit, []

    def interrupted(self: Recorder, restart: Any) -> None:
        commit(self, restart)
        committed.append(1)
        if len(committed) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cool(reference, ramp, start, 0, 3, tmp_path / "parts.h5md")
    assert not (tmp_path / "parts.h5md").exists()
    cool(reference, ramp, start, 0, 3, tmp_path / "parts.h5md")
    assert len(committed) == 5
    for a, b in zip(frames(tmp_path / "whole.h5md"), frames(tmp_path / "parts.h5md"), strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(UserError, match="made with other settings; remove it"):
        cool(reference, ramp, start, 1, 3, tmp_path / "whole.h5md")
    with pytest.raises(UserError, match="no frame 2; it has 2 frames, counted from 0"):
        cool(reference, ramp, start, 2, 3, tmp_path / "other.h5md")


STUDY = CoolingStudy(final_temperature_K=200.0, duration_ps=20.0, interval_fs=50.0, windows=2, seeds=[1, 2])
SETTINGS = {"msd_fit_from_ps": 0.5, "msd_fit_to_ps": 2.0, "structure_interval_fs": 500.0, "rdf_bins": 20}
D_OF_WINDOW = (0.9, 0.1)  # Å²/ps
KELVIN_OF_WINDOW = (275.0, 225.0)


def walk(path: Path, seed: int, *, frames: int = 401, outcome: dict[str, Any] | None = None) -> Path:
    """Free walkers whose D and temperature fall by steps at half of the ramp, at random in a periodic box."""
    rng, top = np.random.default_rng(seed), spec([8] * 120, 12.0)
    D = np.where(np.arange(1, frames) <= 200, *D_OF_WINDOW)
    steps = rng.normal(size=(frames - 1, 120, 3)) * np.sqrt(2 * D * 0.05)[:, None, None]
    start = rng.uniform(0, 12.0, size=(1, 120, 3))
    positions = np.concatenate([start, start + np.cumsum(steps, axis=0)])
    velocities = [_thermal(top, KELVIN_OF_WINDOW[int(k > 200)], 1000 * seed + k) for k in range(frames)]
    return write(path, top, positions, np.array(velocities), 50.0, **({"outcome": outcome} if outcome else {}))


def _thermal(top: SystemSpec, kelvin: float, seed: int) -> NDArray:
    state = top.state(np.zeros((top.n_atoms, 3)), np.zeros((top.n_atoms, 3)))
    return thermal_velocities(state, kelvin, torch.Generator().manual_seed(seed)).velocities.numpy()


def test_each_window_has_its_own_diffusion_temperature_and_order(tmp_path: Path) -> None:
    paths = [walk(tmp_path / f"{seed}.h5md", seed) for seed in range(1, 7)]
    found = measure_windows(paths, 300.0, STUDY, context(**SETTINGS))
    assert [(w.from_K, w.to_K, w.runs) for w in found] == [(300.0, 250.0, 6), (250.0, 200.0, 6)]
    for window, D, kelvin in zip(found, D_OF_WINDOW, KELVIN_OF_WINDOW, strict=True):
        expected = {"diffusion.O": 10 * D, "temperature.O": kelvin, "order.O": 0.0}
        for key, value in expected.items():
            scalar = window.scalar(key)
            assert scalar is not None
            assert scalar.value is not None
            assert scalar.error is not None
            # six runs: Student's t with 5 degrees of freedom is beyond 6.9 once in a thousand
            assert abs(scalar.value - value) < 6.9 * scalar.error, key
        q, D_found = window.scalar("order.O"), window.scalar("diffusion.O")
        assert q is not None
        assert q.error is not None
        assert q.error < 0.02
        assert D_found is not None
        assert D_found.error is not None
        assert D_found.error < 0.1 * 10 * D
        [rdf] = window.curves["rdf"]
        assert len(rdf.blocks) == 6
        assert np.mean(rdf.y[5:]) == pytest.approx(1.0, abs=0.03)  # an ideal gas
        assert not any("width" in scalar.key + scalar.name for scalar in window.scalars)


def outcome(reason: str = "") -> dict[str, Any]:
    ended = {"outcome": "too hot" if reason else "completed", "reason": reason, "time_ps": 10.5 if reason else 20.0}
    return {"horizon_fs": 5.0, "planned_ps": 20.0} | ended


def test_a_rollout_that_ends_early_counts_as_far_as_it_came(tmp_path: Path) -> None:
    md = [walk(tmp_path / f"md-{seed}.h5md", seed) for seed in (1, 2)]
    rollouts = [
        walk(tmp_path / "f-1.h5md", 3, outcome=outcome()),
        walk(tmp_path / "f-2.h5md", 4, frames=211, outcome=outcome("temperature 900 K exceeds 800 K")),
        walk(tmp_path / "f-3.h5md", 5, frames=1, outcome=outcome("at once")),
    ]
    compare(md, rollouts, STUDY, context(**SETTINGS), tmp_path / "out")
    reference, rollout = read_methods(tmp_path / "out/windows.json")
    assert reference.horizon_fs is None
    assert (rollout.horizon_fs, rollout.runs, [w.runs for w in rollout.windows]) == (5.0, 3, [2, 1])
    last = rollout.windows[1].scalar("diffusion.O")
    assert last is not None
    assert last.value is not None
    assert last.error is None  # one run has no spread
    drawing = draw(tmp_path / "out/windows.json")
    notes = "\n".join(drawing.notes)
    assert "too hot at 10.5 of 20 ps: temperature 900 K exceeds 800 K" in notes
    assert "rollout, Δt = 5 fs: 1 of 3 runs cover 250 to 200 K" in notes
    scores = [row for row in drawing.rows if row[0] == "RDF score"]
    assert [row[1] for row in scores] == ["reference MD"] * 2 + ["rollout, Δt = 5 fs"] * 2
    assert all(isinstance(row[4], float) and 0.8 < row[4] < 1 for row in scores)


def test_without_any_window_there_is_still_a_figure_that_says_so(tmp_path: Path) -> None:
    md = [walk(tmp_path / f"md-{seed}.h5md", seed) for seed in (1, 2)]
    rollouts = [walk(tmp_path / f"f-{k}.h5md", k, frames=3, outcome=outcome("broken")) for k in (1, 2)]
    compare(md, rollouts, STUDY, context(**SETTINGS), tmp_path / "out")
    notes = draw(tmp_path / "out/windows.json").notes
    assert "rollout, Δt = 5 fs: 0 of 2 runs cover 300 to 250 K." in notes
    with open(tmp_path / "out/windows.csv", encoding="utf-8", newline="") as handle:
        empty = [row for row in csv.DictReader(handle) if row["runs"] == "0"]
    assert [row["note"] for row in empty] == ["no run reached the end of this window"] * 2
    assert json.loads((tmp_path / "out/windows.json").read_text())["provenance"]["settings"]["cooling"]["windows"] == 2


def test_scores_of_windows_that_begin_alike_are_their_own(tmp_path: Path) -> None:
    """A window's MD is the one in its place, not the first of the same temperature."""
    md = [walk(tmp_path / f"md-{seed}.h5md", seed) for seed in (1, 2)]
    rollouts = [walk(tmp_path / f"f-{k}.h5md", k + 2, outcome=outcome()) for k in (1, 2)]
    compare(md, rollouts, STUDY, context(**SETTINGS), tmp_path / "out")
    path = tmp_path / "out/windows.json"
    scored = [[row[4] for row in draw(path).rows if row[0] == "RDF score"]]
    values = json.loads(path.read_text(encoding="utf-8"))
    for method in values["methods"]:
        for window in method["windows"]:
            window["from_K"] = window["to_K"] = 300.0
    path.write_text(json.dumps(values), encoding="utf-8")
    scored.append([row[4] for row in draw(path).rows if row[0] == "RDF score"])
    assert len(scored[0]) == 4
    assert scored[0] == scored[1]


def test_a_molecule_is_cooled_without_turning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of an isolated system has neither momentum nor angular momentum, whatever its frame has."""
    rng = np.random.default_rng(2)
    top = dataclasses.replace(spec([8] * 5, 0.0), cell=np.zeros((3, 3)), pbc=np.zeros(3, dtype=bool))
    write(tmp_path / "start.h5md", top, rng.normal(size=(1, 5, 3)), rng.normal(scale=0.01, size=(1, 5, 3)), 1.0)
    seen: list[State] = []
    monkeypatch.setattr("trajcast.reference.ramp.record", lambda _, __, ___, state, *rest: seen.append(state))
    cool(
        tiny_reference.settings(),
        RampSettings(final_temperature_K=150.0, duration_ps=1.0, interval_fs=10.0),
        tmp_path / "start.h5md",
        0,
        1,
        tmp_path / "md.h5md",
    )
    [state] = seen
    assert momentum(state).abs().max() < 1e-12
    assert angular_momentum(state).abs().max() < 1e-12


def test_md_in_place_of_a_rollout_is_refused(tmp_path: Path) -> None:
    path = walk(tmp_path / "md.h5md", 1, frames=3)
    with pytest.raises(UserError, match="not a rollout; give those made by trajcast rollout"):
        compare([path], [path], STUDY, context(**SETTINGS), tmp_path / "out")
