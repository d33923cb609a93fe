"""Reading trajectories: units, spacing, damaged files."""

import h5py
import numpy as np
import pytest
import torch

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec, spec_of
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory

SPEC = SystemSpec(
    numbers=np.array([8, 1]),
    masses=np.array([15.999, 1.008]),
    cell=np.array([[5.0, 0, 0], [1.0, 6.0, 0], [0, 0, 7.0]]),
    pbc=np.array([True, True, True]),
)


def write(path, times, spec=SPEC, energies=()):
    recorder = Recorder(path, spec, identity={}, provenance={"stage": "test"}, energies=energies)
    rng = np.random.default_rng(1)
    for step, time in enumerate(times):
        energy = {name: float(step) for name in energies}
        recorder.add(step, time, rng.normal(size=(spec.n_atoms, 3)), rng.normal(size=(spec.n_atoms, 3)), energy)
    recorder.commit({})
    recorder.finish()
    return path


def test_header(tmp_path):
    with Trajectory(write(tmp_path / "run.h5md", [0.0, 0.5, 1.0], energies=("potential",))) as trajectory:
        assert len(trajectory) == 3
        assert trajectory.interval_fs == 0.5
        for name in ("numbers", "masses", "cell", "pbc"):
            np.testing.assert_array_equal(getattr(trajectory.spec, name), getattr(SPEC, name))
        assert trajectory.spec.molecules is None
        assert trajectory.provenance == {"stage": "test"}
        assert trajectory.energy("potential").tolist() == [0, 1, 2]
        assert trajectory.energy("total") is None


def test_state_of_a_frame(tmp_path):
    with Trajectory(write(tmp_path / "run.h5md", [0.0, 1.0, 2.0])) as trajectory:
        state = trajectory.state(1)
        np.testing.assert_array_equal(state.positions.numpy(), trajectory.positions[1])
        np.testing.assert_array_equal(state.velocities.numpy(), trajectory.velocities[1])
        assert state.positions.dtype == torch.float64
        assert torch.equal(trajectory.state(-1, torch.float32).positions, torch.as_tensor(trajectory.positions[2]))
        with pytest.raises(IndexError):
            trajectory.state(3)
        np.testing.assert_array_equal(spec_of(state).cell, SPEC.cell)


@pytest.mark.parametrize(
    ("interval", "asked", "stride"), [(0.1, 0.3, 3), (0.1, 0.7, 7), (1.0, 1.0, 1), (0.5, 5.0, 10), (1 / 3, 2.0, 6)]
)
def test_stride_is_exact(tmp_path, interval, asked, stride):
    with Trajectory(write(tmp_path / "run.h5md", np.arange(5) * interval)) as trajectory:
        assert trajectory.stride(asked) == stride


@pytest.mark.parametrize(
    ("interval", "asked"), [(1.0, 2.5), (1.0, 0.5), (2.0, 1.0), (0.1, 0.25), (1.0, 0.0), (1.0, -1.0)]
)
def test_stride_refuses_what_is_no_multiple(tmp_path, interval, asked):
    with (
        Trajectory(write(tmp_path / "run.h5md", np.arange(5) * interval)) as trajectory,
        pytest.raises(
            UserError, match=rf"{asked:g} fs is not a multiple of the saved interval {interval:g} fs of .*run"
        ),
    ):
        trajectory.stride(asked)


def test_uneven_or_too_few_frames_have_no_interval(tmp_path):
    with (
        Trajectory(write(tmp_path / "gap.h5md", [0.0, 1.0, 2.0, 4.0])) as trajectory,
        pytest.raises(UserError, match=r"unevenly spaced \(1 to 2 fs, first between frames 2 and 3\)"),
    ):
        _ = trajectory.interval_fs
    with (
        Trajectory(write(tmp_path / "one.h5md", [0.0])) as trajectory,
        pytest.raises(UserError, match=r"1 frame\(s\)"),
    ):
        _ = trajectory.interval_fs


def test_no_frames_at_all(tmp_path):
    with Trajectory(write(tmp_path / "none.h5md", [])) as trajectory:
        assert len(trajectory) == 0
        np.testing.assert_array_equal(trajectory.spec.cell, SPEC.cell)


def test_an_isolated_system(tmp_path):
    vacuum = SystemSpec(
        numbers=np.array([8, 1]), masses=np.array([16.0, 1.0]), cell=np.zeros((3, 3)), pbc=np.zeros(3, bool)
    )
    with Trajectory(write(tmp_path / "run.h5md", [0.0, 1.0], vacuum)) as trajectory:
        assert not trajectory.spec.pbc.any()
        assert not trajectory.state(0).pbc.any()
        assert not trajectory.spec.cell.any()


def test_molecules_are_kept(tmp_path):
    grouped = SystemSpec(**{**SPEC.__dict__, "molecules": np.array([4, 2])})
    with Trajectory(write(tmp_path / "run.h5md", [0.0, 1.0], grouped)) as trajectory:
        assert trajectory.spec.molecules.tolist() == [4, 2]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none.h5md: no such file"):
        Trajectory(tmp_path / "none.h5md")
    whole = write(tmp_path / "run.h5md", np.arange(2000.0))
    (tmp_path / "half.h5md").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(UserError, match=r"half.h5md: not a readable H5MD file \(truncated or damaged\?\)"):
        Trajectory(tmp_path / "half.h5md")
    (tmp_path / "text.h5md").write_text("ITEM: TIMESTEP\n")
    with pytest.raises(UserError, match="not a readable H5MD file"):
        Trajectory(tmp_path / "text.h5md")
    with h5py.File(tmp_path / "other.h5md", "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(UserError, match="not a TrajCast H5MD trajectory"):
        Trajectory(tmp_path / "other.h5md")


@pytest.mark.parametrize(("name", "unit"), [("position", "nm"), ("velocity", "Angstrom ps-1")])
def test_other_units_are_refused(tmp_path, name, unit):
    path = write(tmp_path / "run.h5md", [0.0, 1.0])
    with h5py.File(path, "r+") as file:
        file[f"particles/all/{name}/value"].attrs["unit"] = unit
    with pytest.raises(UserError, match=f"{name} has unit '{unit}', it must be"):
        Trajectory(path)
