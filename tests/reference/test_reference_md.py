"""Reference MD through the command line: conservation, ensembles, units, and the same run by another route."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import MDAnalysis
import numpy as np
import pytest
import tiny_reference

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import read_settings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import degrees_of_freedom, kinetic_energy, momentum
from trajcast.io.trajectory import Trajectory
from trajcast.observables.blocks import correlated_mean_error
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series
from trajcast.reference.engines._lammps import start_lammps
from trajcast.reference.engines.lammps import potential_energies
from trajcast.reference.health import check_health, examine
from trajcast.reference.systems import liquid

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference")
    finished = tiny_reference.run(tiny_reference.settings_file(path), path)
    assert finished.returncode == 0, finished.stderr
    return path


@pytest.fixture
def nve(folder: Path) -> Iterator[Trajectory]:
    with Trajectory(folder / "nve_1.h5md") as trajectory:
        yield trajectory


@pytest.fixture
def nvt(folder: Path) -> Iterator[Trajectory]:
    with Trajectory(folder / "nvt.h5md") as trajectory:
        yield trajectory


def test_velocities_are_those_of_the_full_step(nve: Trajectory):
    """Velocity Verlet: v(t) = (r(t + δt) − r(t − δt)) / 2δt exactly; half-step velocities miss by 0.01 Å/fs."""
    positions = nve.positions[:300].astype(float)
    central = (positions[2:] - positions[:-2]) / (2 * 0.5)
    np.testing.assert_allclose(nve.velocities[1:299], central, atol=3e-6)


def test_frames_are_those_that_lammps_dumps_when_it_runs_the_input_file(
    folder: Path, nve: Trajectory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)
    text = (folder / "nve_1.in").read_text(encoding="utf-8")
    assert "\nrun 4000\n" in text
    dump = "dump d all custom 1 dump.txt id xu yu zu vx vy vz\ndump_modify d sort id format float %.12g\nrun 400\n"
    lammps = start_lammps()
    lammps.commands_string(text.replace("run 4000\n", dump))
    lammps.close()
    lines = Path("dump.txt").read_text(encoding="utf-8").splitlines()
    rows = np.array([line.split() for line in lines if len(line.split()) == 7], dtype=float).reshape(401, 81, 7)[1:]
    np.testing.assert_array_equal(nve.steps[:400], np.arange(1, 401))
    np.testing.assert_allclose(nve.times[:400], 0.5 * np.arange(1, 401))
    np.testing.assert_allclose(nve.positions[:400], rows[:, :, 1:4], atol=2e-6)
    np.testing.assert_allclose(nve.velocities[:400], rows[:, :, 4:], atol=1e-7)


def test_positions_are_unwrapped(nvt: Trajectory):
    positions = nvt.positions[()]
    assert positions.max() > 9.32
    assert positions.min() < 0
    assert np.abs(np.diff(positions, axis=0)).max() < 0.2


def test_recorded_energies_agree_with_mechanics_and_with_recomputed_ones(nvt: Trajectory):
    potential, total = nvt.energy("potential"), nvt.energy("total")
    assert potential is not None
    assert total is not None
    kinetic = [float(kinetic_energy(nvt.state(frame))) for frame in range(0, 10_000, 500)]
    np.testing.assert_allclose((total - potential)[::500], kinetic, rtol=1e-6)
    again = potential_energies(tiny_reference.settings(), nvt.spec, nvt.positions[::500])
    assert potential.std() > 0.1
    np.testing.assert_allclose(again, potential[::500], atol=1e-4)  # float32 positions × forces of some eV/Å


def test_momentum_stays_zero_and_three_degrees_of_freedom_are_missing(nve: Trajectory, nvt: Trajectory):
    for trajectory in (nve, nvt):
        assert momentum(trajectory.state(-1)).abs().max() < 1e-4 * 81
        assert int(degrees_of_freedom(trajectory.state(-1))[0]) == 3 * 81 - 3


def test_csvr_samples_the_canonical_kinetic_energy(nvt: Trajectory):
    kinetic_K = temperature_series(nvt)[ALL_ATOMS]
    error = correlated_mean_error(kinetic_K)
    assert error < 5
    assert abs(kinetic_K.mean() - 300) < 4 * error
    independent = (kinetic_K.std() / error) ** 2
    width = 300 * np.sqrt(2 / 240)
    assert kinetic_K.std() / width == pytest.approx(1, abs=4 / np.sqrt(2 * independent))


def test_health_holds_the_measured_numbers(folder: Path, nve: Trajectory):
    rows = json.loads((folder / "health.json").read_text(encoding="utf-8"))["runs"]
    assert [row["run"] for row in rows] == [*(f"nve_{i}" for i in range(1, 6)), "nvt"]
    assert all(row["passed"] and row["degrees_of_freedom"] == 240 for row in rows)
    first, last = rows[0], rows[-1]
    assert (first["duration_ps"], first["frames"], last["duration_ps"], last["frames"]) == (2.0, 4000, 10.0, 10_000)
    slope = np.polyfit(nve.times, nve.energy("total"), 1)[0] * 1e6 / 81
    assert first["drift_meV_per_atom_per_ps"] == pytest.approx(slope, rel=1e-6)
    assert last["drift_meV_per_atom_per_ps"] is None
    assert first["temperature_K"] == pytest.approx(temperature_series(nve)[ALL_ATOMS].mean())
    table = (folder / "health.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 7
    assert table[1].startswith("nve_1,NVE,2.0,4000,")


def test_runs_with_different_weights_of_a_potential_are_refused(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for run, digest in (("nve_2", "a" * 64), ("nvt", "b" * 64)):
        with h5py.File(tmp_path / f"{run}.h5md", "a") as file:
            provenance = json.loads(file["trajcast"].attrs["provenance"]) | {"weights": digest}
            file["trajcast"].attrs["provenance"] = json.dumps(provenance)
    settings = read_settings(ReferenceSettings, folder / "reference.yaml")
    with pytest.raises(UserError, match=r"different weights of .*nve_2: aaaaaaaaaaaa…; nvt: bbbbbbbbbbbb…; remove"):
        check_health(settings, tmp_path)


def test_structure_is_put_beside_published_one(folder: Path):
    first, height = json.loads((folder / "literature.json").read_text(encoding="utf-8"))["comparisons"]
    assert first["value"] == pytest.approx(2.75, abs=0.06)
    assert 2.3 < height["value"] < 3.8
    assert all(row["error"] > 0 for row in (first, height))


def test_diffusion_is_put_beside_that_of_the_same_box_only(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The runs here have another box than the publication; its size is taken for published to see the row."""
    settings = read_settings(ReferenceSettings, folder / "reference.yaml")
    assert len(liquid.literature(settings, folder)) == 2
    monkeypatch.setattr(liquid, "PUBLISHED_BOX", {"molecules": 27})
    *_, diffusion = liquid.literature(settings, folder)
    assert (diffusion.published, diffusion.unit) == (1.84, "1e-9 m²/s")
    assert 0 < diffusion.value < 6
    assert len(liquid.literature(settings.model_copy(update={"temperature_K": 310.0}), folder)) == 2
    assert len(liquid.literature(settings.model_copy(update={"potential": "sevennet-0"}), folder)) == 2


def test_starts_lie_in_the_window_and_apart(folder: Path):
    with Trajectory(folder / "starts.h5") as starts:
        assert len(starts) == 6  # five NVE, one NVT
        np.testing.assert_allclose(temperature_series(starts)[ALL_ATOMS][:5], 300, atol=30)
        assert np.diff(starts.times[:5]).min() >= 100
        assert starts.times[0] >= 2000
        with Trajectory(folder / "equilibration.h5md") as equilibration:
            assert starts.times[5] == equilibration.times[-1] == 4000


def test_runs_begin_at_their_starts(folder: Path):
    with Trajectory(folder / "starts.h5") as starts:
        for index, name in enumerate([*(f"nve_{i}" for i in range(1, 6)), "nvt"]):
            with Trajectory(folder / f"{name}.h5md") as trajectory:
                moved = (
                    trajectory.positions[0] - starts.positions[index] - starts.velocities[index] * trajectory.times[0]
                )
                assert np.abs(moved).max() < 0.05


def test_mdanalysis_reads_positions_and_velocities_in_their_units(folder: Path, nvt: Trajectory):
    universe = MDAnalysis.Universe.empty(81, trajectory=True, velocities=True)
    universe.load_new(str(folder / "nvt.h5md"), format="H5MD")
    frame = universe.trajectory[123]
    assert frame.time == pytest.approx(0.124)  # ps
    np.testing.assert_allclose(frame.positions, nvt.positions[123])  # Å
    np.testing.assert_allclose(frame.velocities, nvt.velocities[123] * 1000, rtol=1e-6)  # Å/ps
    np.testing.assert_allclose(frame.dimensions, [9.32, 9.32, 9.32, 90, 90, 90], rtol=1e-6)


def test_provenance_names_settings_versions_and_speed(nvt: Trajectory):
    assert nvt.provenance["settings"]["nvt"]["tau_fs"] == 50.0
    assert nvt.provenance["versions"]["lammps"]
    speed = nvt.provenance["speed"]
    assert speed["threads"] == 1
    assert speed["ns_per_day"] == pytest.approx(speed["steps_per_s"] * 0.5e-6 * 86400)
    assert 100 < speed["steps_per_s"] < 1e5


def test_finished_parts_are_left_alone(folder: Path):
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.h5*")}
    again = tiny_reference.run(folder / "reference.yaml", folder)
    assert again.returncode == 0, again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("*.h5*")}


def test_a_file_of_other_settings_is_refused(folder: Path, tmp_path: Path):
    other = tiny_reference.settings_file(tmp_path, nvt={"tau_fs": 60.0})
    refused = tiny_reference.run(other, folder, "--part", "nvt")
    assert refused.returncode == 2
    assert "nvt.h5md was made with other settings; remove it" in refused.stderr
    only_nvt_differs = tiny_reference.run(other, folder, "--part", "nve_1")
    assert only_nvt_differs.returncode == 0, only_nvt_differs.stderr


def test_a_hot_run_rings(folder: Path):
    """The very same runs against a target they were not made for."""
    with Trajectory(folder / "nvt.h5md") as nvt, Trajectory(folder / "nve_1.h5md") as nve:
        assert examine(tiny_reference.settings(), "nvt", nvt).passed
        assert not examine(tiny_reference.settings(temperature_K=270.0), "nvt", nvt).passed
        assert examine(tiny_reference.settings(), "nve_1", nve).passed
        assert not examine(tiny_reference.settings(temperature_K=200.0), "nve_1", nve).passed
        assert not examine(tiny_reference.settings(max_drift_meV_per_atom_per_ps=1e-9), "nve_1", nve).passed


def test_a_truncated_file_rings(folder: Path, tmp_path: Path):
    for path in folder.glob("n*.h5md"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "nve_2.h5md").unlink()
    whole = (folder / "nve_2.h5md").read_bytes()
    (tmp_path / "nve_2.h5md").write_bytes(whole[: len(whole) // 2])
    finished = tiny_reference.run(folder / "reference.yaml", tmp_path, "--part", "health")
    assert finished.returncode == 2
    assert "nve_2.h5md: not a readable H5MD file (truncated or damaged?)" in finished.stderr


def test_h5md_layout(folder: Path):
    with h5py.File(folder / "nvt.h5md") as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert file["observables/potential_energy/value"].attrs["unit"] == "eV"
        assert len(file["observables/potential_energy/value"]) == 10_000
