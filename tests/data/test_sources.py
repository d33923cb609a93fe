"""Trajectories of other programs give the same frames as our own format, and bad ones are refused."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace

import ase.io
import h5py
import numpy as np
import pytest
from moving_atoms import images, random_motion, write_dump, write_h5md

from trajcast.core.errors import UserError
from trajcast.data.sources import Reading, read_frames

TRICLINIC = np.array([[8.0, 0.0, 0.0], [2.0, 9.0, 0.0], [-1.5, 3.0, 10.0]])


@pytest.fixture(scope="module")
def motion():
    return random_motion(3)


def assert_is_the_motion(frames, motion, position_A, velocity_A_per_fs, interval_fs=1.0):
    """Equal to the closed form, but for the whole box lengths by which a first frame may be wrapped."""
    assert frames.interval_fs == pytest.approx(interval_fs, rel=1e-6)
    np.testing.assert_array_equal(frames.spec.numbers, motion.spec.numbers)
    np.testing.assert_allclose(frames.spec.masses, motion.spec.masses, rtol=1e-9)
    np.testing.assert_allclose(frames.spec.cell, motion.spec.cell, atol=1e-5)
    times = np.arange(len(frames)) * interval_fs
    expected = np.stack([motion.positions(t) for t in times])
    moved, expected_move = frames.positions - frames.positions[0], expected - expected[0]
    np.testing.assert_allclose(moved, expected_move, atol=position_A)
    np.testing.assert_allclose(frames.velocities, [motion.velocities(t) for t in times], atol=velocity_A_per_fs)
    turns = (frames.positions[0] - expected[0]) @ np.linalg.inv(motion.spec.cell)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-5)


def test_the_motion_crosses_the_boundary(motion):
    wrapped = np.stack([image.positions for image in images(motion)])
    assert np.abs(np.diff(wrapped, axis=0)).max() > 7  # else the tests below would show nothing about unwrapping


def test_h5md(motion, tmp_path):
    frames = read_frames(write_h5md(tmp_path / "run.h5md", motion), Reading())
    assert_is_the_motion(frames, motion, 4e-6, 1e-8)


def test_extended_xyz(motion, tmp_path):
    ase.io.write(tmp_path / "run.extxyz", images(motion))
    frames = read_frames(tmp_path / "run.extxyz", Reading(interval_fs=1.0))
    assert_is_the_motion(frames, motion, 3e-8, 1e-8)


def test_extended_xyz_of_a_triclinic_cell(tmp_path):
    motion = random_motion(4, cell=TRICLINIC)
    ase.io.write(tmp_path / "run.extxyz", images(motion))
    frames = read_frames(tmp_path / "run.extxyz", Reading(interval_fs=1.0))
    assert_is_the_motion(frames, motion, 3e-8, 1e-8)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, False), (False, False, False)])
def test_extended_xyz_of_slabs_wires_and_molecules(tmp_path, pbc):
    motion = random_motion(5)
    axes = np.array(pbc)
    spec = replace(motion.spec, pbc=axes, cell=motion.spec.cell * axes[:, None])
    motion = replace(motion, spec=spec)
    ase.io.write(tmp_path / "run.extxyz", images(motion))
    frames = read_frames(tmp_path / "run.extxyz", Reading(interval_fs=1.0))
    np.testing.assert_array_equal(frames.spec.pbc, axes)
    np.testing.assert_array_equal(frames.spec.cell, spec.cell)
    np.testing.assert_allclose(
        frames.positions - frames.positions[0],
        [motion.positions(float(t)) - motion.positions(0.0) for t in range(len(frames))],
        atol=3e-8,
    )


def test_masses_in_the_file_are_kept(motion, tmp_path):
    heavy = images(motion, 5)
    for image in heavy:
        velocities = image.get_velocities()
        image.set_masses(np.where(image.numbers == 1, 2.014, 15.999))
        image.set_velocities(velocities)
    ase.io.write(tmp_path / "run.extxyz", heavy)
    frames = read_frames(tmp_path / "run.extxyz", Reading(interval_fs=1.0))
    assert set(frames.spec.masses) == {2.014, 15.999}
    np.testing.assert_allclose(frames.velocities[2], motion.velocities(2.0), atol=1e-8)


@pytest.mark.parametrize("units", ["real", "metal"])
def test_lammps_dump(motion, tmp_path, units):
    frames = read_frames(write_dump(tmp_path / "run.dump", motion, units=units), Reading())
    assert_is_the_motion(frames, motion, 1e-7, 1e-8)


@pytest.mark.parametrize("units", ["real", "metal"])
def test_lammps_dump_that_says_nothing_about_itself(motion, tmp_path, units):
    path = write_dump(tmp_path / "run.dump", motion, 20, units=units, stated=False)
    frames = read_frames(path, Reading(interval_fs=1.0, lammps_units=units))
    assert_is_the_motion(frames, motion, 1e-7, 1e-8)
    with pytest.raises(UserError, match="--lammps-units real or metal"):
        read_frames(path, Reading(interval_fs=1.0))
    with pytest.raises(UserError, match="--interval-fs"):
        read_frames(path, Reading(lammps_units=units))


def test_compressed_lammps_dump(motion, tmp_path):
    plain = write_dump(tmp_path / "run.dump", motion, 10)
    (tmp_path / "run.dump.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert_is_the_motion(read_frames(tmp_path / "run.dump.gz", Reading()), motion, 1e-7, 1e-8)


def test_the_wrong_lammps_units_are_refused(motion, tmp_path):
    stated = write_dump(tmp_path / "stated.dump", motion, 20)
    with pytest.raises(UserError, match=r"--lammps-units metal contradicts .* real units"):
        read_frames(stated, Reading(lammps_units="metal"))
    silent = write_dump(tmp_path / "silent.dump", motion, 20, stated=False)
    with pytest.raises(UserError, match=r"velocities seem to be in Å/fs, read as Å/ps.*check the interval"):
        read_frames(silent, Reading(interval_fs=1.0, lammps_units="metal"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("id type x y z vx vy vz", "no column says which element"),
        ("id element x y z", "vx vy vz missing"),
        ("element x y z vx vy vz", "id missing"),
        ("id element vx vy vz", "x y z missing"),
    ],
)
def test_dump_columns(motion, tmp_path, columns, message):
    with pytest.raises(UserError, match=message):
        read_frames(write_dump(tmp_path / "run.dump", motion, 3, columns=columns), Reading())


def test_unevenly_spaced_dump(motion, tmp_path):
    lines = write_dump(tmp_path / "run.dump", motion, 6, stated=False).read_text().splitlines(keepends=True)
    per_frame = len(lines) // 6
    (tmp_path / "gap.dump").write_text("".join(lines[: 2 * per_frame] + lines[3 * per_frame :]))
    with pytest.raises(UserError, match=r"unevenly spaced \(2 to 4 steps; timestep 6 follows 2 at frame 2\)"):
        read_frames(tmp_path / "gap.dump", Reading(interval_fs=1.0, lammps_units="real"))


def test_mdanalysis_reads_gromacs_and_our_own_format(motion, tmp_path):
    import MDAnalysis as mda

    frames = images(motion, 30)
    ase.io.write(tmp_path / "water.pdb", frames[0])
    universe = mda.Universe(tmp_path / "water.pdb", to_guess=("types", "masses", "elements"))
    with mda.Writer(str(tmp_path / "run.trr"), n_atoms=len(universe.atoms)) as writer:
        for frame, image in enumerate(frames):
            step = universe.trajectory.ts
            step.time, step.frame = frame * 1e-3, frame
            step.dimensions = [*motion.spec.cell.diagonal().tolist(), 90, 90, 90]
            step.positions = image.positions
            step.has_velocities = True
            step.velocities = motion.velocities(float(frame)) * 1e3
            writer.write(universe.atoms)
    read = read_frames(tmp_path / "run.trr", Reading(topology=tmp_path / "water.pdb"))
    assert_is_the_motion(read, motion_with_masses(motion, read), 1e-5, 1e-7)
    own = write_h5md(tmp_path / "run.h5md", motion, 30)
    read = read_frames(own, Reading(topology=tmp_path / "water.pdb"))
    assert_is_the_motion(read, motion_with_masses(motion, read), 1e-5, 1e-7)


def motion_with_masses(motion, frames):
    """The same motion with MDAnalysis' table of masses, which differs in the last digits."""
    np.testing.assert_allclose(frames.spec.masses, motion.spec.masses, rtol=1e-3)
    return replace(motion, spec=replace(motion.spec, masses=frames.spec.masses))


def test_a_file_without_velocities(motion, tmp_path):
    still = images(motion, 4)
    for image in still:
        del image.arrays["momenta"]
        image.new_array("speed", np.ones((len(image), 3)))
    ase.io.write(tmp_path / "run.extxyz", still)
    with pytest.raises(UserError, match=r"frame 0 has no velocities .*found: .*speed"):
        read_frames(tmp_path / "run.extxyz", Reading(interval_fs=1.0))


def test_an_interval_must_be_given_once_and_make_sense(motion, tmp_path):
    ase.io.write(tmp_path / "run.extxyz", images(motion, 4))
    with pytest.raises(UserError, match="give it with --interval-fs"):
        read_frames(tmp_path / "run.extxyz", Reading())
    with pytest.raises(UserError, match="--interval-fs -1 is wrong"):
        read_frames(tmp_path / "run.extxyz", Reading(interval_fs=-1.0))
    with pytest.raises(UserError, match=r"--interval-fs 2 contradicts .* 1 fs apart"):
        read_frames(write_dump(tmp_path / "run.dump", motion, 4), Reading(interval_fs=2.0))
    with pytest.raises(UserError, match="check the interval"):
        read_frames(tmp_path / "run.extxyz", Reading(interval_fs=1000.0))


def test_truncated_files(motion, tmp_path):
    whole = write_h5md(tmp_path / "run.h5md", motion).read_bytes()
    (tmp_path / "half.h5md").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half.h5md: .*(truncated|damaged)"):
        read_frames(tmp_path / "half.h5md", Reading())
    for name, text in (("dump", write_dump(tmp_path / "run.dump", motion, 5).read_text()), ("extxyz", extxyz(motion))):
        for cut in (100, 170):
            (tmp_path / f"half.{name}").write_text(text[:-cut])
            with pytest.raises(UserError, match=rf"half.{name}: .*(damaged|broken frames|digits may be missing)"):
                read_frames(tmp_path / f"half.{name}", Reading(interval_fs=1.0))


def extxyz(motion):
    text = io.StringIO()
    ase.io.write(text, images(motion, 5), format="extxyz")
    return text.getvalue()


def test_a_file_that_is_no_trajectory(tmp_path):
    (tmp_path / "run.xyz").write_text("not a trajectory\n")
    with pytest.raises(UserError, match="ASE cannot read it"):
        read_frames(tmp_path / "run.xyz", Reading(interval_fs=1.0))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(UserError, match="not a TrajCast H5MD trajectory"):
        read_frames(tmp_path / "other.h5", Reading())


def test_a_changing_cell(motion, tmp_path):
    breathing = images(motion, 4)
    breathing[2].set_cell(breathing[2].cell * 1.01)
    ase.io.write(tmp_path / "run.extxyz", breathing)
    with pytest.raises(UserError, match="cell of frame 2 differs"):
        read_frames(tmp_path / "run.extxyz", Reading(interval_fs=1.0))


def test_steps_too_long_to_unwrap(motion, tmp_path):
    # Drifts of about 0.02 Å/fs move some atoms a quarter of 8 Å within 60 fs.
    ase.io.write(tmp_path / "run.extxyz", images(motion, 20, interval_fs=60.0))
    with pytest.raises(UserError, match="save frames more often"):
        read_frames(tmp_path / "run.extxyz", Reading(interval_fs=60.0))


def test_not_a_number(motion, tmp_path):
    path = write_h5md(tmp_path / "run.h5md", motion, 10)
    with h5py.File(path, "r+") as file:
        file["particles/all/velocity/value"][7, 2, 1] = np.nan
    with pytest.raises(UserError, match="frame 7 has a velocity that is not finite"):
        read_frames(path, Reading())
