"""Reference MD of paracetamol in vacuum with LAMMPS and OPLS-AA: five NVE runs of the published length."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.engines.lammps import start_lammps
from trajcast.errors import UserError
from trajcast.mechanics import set_angular_momentum, set_momentum, thermal_velocities
from trajcast.progress import progress
from trajcast.provenance import provenance
from trajcast.recorder import Recorder
from trajcast.state import State
from trajcast.trajectory import Topology
from trajcast.units import KCAL_PER_MOL

FILES = Path(__file__).parent / "paracetamol"
ELEMENT = {12.011: 6, 14.007: 7, 15.999: 8, 1.008: 1}  # atomic number by mass
TIMESTEP_FS, TEMPERATURE_K, SEED = 0.5, 300.0, 1
EQUILIBRATION_STEPS, SAMPLE_EVERY = 500_000, 20  # 250 ps: ten times the published length, for a sharper mean energy
ENERGY_WINDOW, SPACING_STEPS = 0.001, 2000  # starts: within 0.1 % of the mean total energy, 1 ps apart
NVE_STEPS, SAVE_EVERY = 200_004, 7  # 100 ps, a frame every 3.5 fs
RUNS = 5
COMMIT_FRAMES = 5000

SETUP = f"""
units real
boundary s s s
atom_style full
atom_modify map yes sort 0 0
bond_style harmonic
angle_style harmonic
dihedral_style opls
improper_style cvff
pair_style lj/cut/coul/cut 50.0
pair_modify mix geometric
special_bonds lj/coul 0.0 0.0 0.5
read_data "{FILES / "molecule.data"}"
include "{FILES / "opls_aa.in"}"
neighbor 2.0 nsq
neigh_modify every 1 delay 10 check yes
timestep {TIMESTEP_FS}
compute_modify thermo_temp extra/dof 6
thermo_style custom step temp pe ke etotal
"""
NOSE_HOOVER = f"""
fix integrate all nvt temp {TEMPERATURE_K} {TEMPERATURE_K} 5.0 tchain 10
fix_modify integrate temp thermo_temp
"""


def molecule_runs(folder: Path) -> list[Path]:
    """The five NVE runs as H5MD files in `folder`; those that are there are not made again."""
    files = [folder / f"nve_{run}.h5md" for run in range(1, RUNS + 1)]
    if not all(file.exists() for file in files):
        lammps = start_lammps()
        lammps.commands_string(SETUP)
        topology = _topology(lammps)
        for file, start in zip(files, _starts(lammps, topology), strict=True):
            _record(lammps, topology, start, file)
        lammps.close()
    return files


def _starts(lammps: Any, topology: Topology) -> list[State]:
    """States of a run at constant temperature whose total energy is near its mean, spread over its second half."""
    lammps.commands_string("minimize 0.0 1.0e-4 10000 100000\nreset_timestep 0")
    positions = _gather(lammps, "x")
    rng = torch.Generator().manual_seed(SEED)
    _scatter(lammps, thermal_velocities(topology.state(positions, 0 * positions), TEMPERATURE_K, rng))
    lammps.commands_string(NOSE_HOOVER)
    states, energies = [], []
    for step in _steps(lammps, "equilibration", EQUILIBRATION_STEPS, SAMPLE_EVERY):
        if step > EQUILIBRATION_STEPS // 2:
            states.append(topology.state(_gather(lammps, "x"), _gather(lammps, "v")))
            energies.append(lammps.get_thermo("etotal"))
    lammps.commands_string("unfix integrate")
    mean = np.mean(energies)
    apart, found = SPACING_STEPS // SAMPLE_EVERY, [-SPACING_STEPS]
    for frame in np.flatnonzero(np.abs(np.array(energies) - mean) <= ENERGY_WINDOW * abs(mean)):
        if frame - found[-1] >= apart:
            found.append(int(frame))
    if len(found) <= RUNS:
        raise UserError(f"paracetamol: {len(found) - 1} starts near the mean energy, {RUNS} are needed")
    return [states[found[i]] for i in np.linspace(1, len(found) - 1, RUNS).round().astype(int)]


def _record(lammps: Any, topology: Topology, start: State, file: Path) -> None:
    """One run at constant energy, without momentum and angular momentum."""
    _scatter(lammps, set_angular_momentum(set_momentum(start)))
    lammps.commands_string("reset_timestep 0\nfix integrate all nve")
    settings = {"timestep_fs": TIMESTEP_FS, "steps": NVE_STEPS, "seed": SEED, "force_field": "OPLS-AA"}
    record = provenance("reference", settings, ensemble="NVE")
    recorder = Recorder(file, topology, identity=settings, provenance=record, energies=("potential", "total"))
    for number, step in enumerate(_steps(lammps, file.stem, NVE_STEPS, SAVE_EVERY), 1):
        energies = {"potential": lammps.get_thermo("pe"), "total": lammps.get_thermo("etotal")}
        in_ev = {name: value * KCAL_PER_MOL for name, value in energies.items()}
        recorder.add(step, step * TIMESTEP_FS, _gather(lammps, "x"), _gather(lammps, "v"), in_ev)
        if number % COMMIT_FRAMES == 0:
            recorder.commit({"step": step})
    recorder.commit({"step": NVE_STEPS})
    recorder.finish()
    lammps.commands_string("unfix integrate")


def _steps(lammps: Any, label: str, steps: int, every: int) -> Iterator[int]:
    lammps.commands_string("run 0 post no")
    with progress(label, steps) as advance:
        for step in range(every, steps + 1, every):
            lammps.commands_string(f"run {every} pre no post no")
            advance(every)
            yield step


def _gather(lammps: Any, name: str) -> NDArray[np.float64]:
    """x or v of all atoms; LAMMPS' real units are Å and Å/fs. Without periodic directions x is unwrapped."""
    return np.array(lammps.gather_atoms(name, 1, 3)).reshape(-1, 3)


def _scatter(lammps: Any, state: State) -> None:
    for name, values in (("x", state.positions), ("v", state.velocities)):
        flat = np.ascontiguousarray(values.numpy()).ravel()
        lammps.scatter_atoms(name, 1, 3, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))


def _topology(lammps: Any) -> Topology:
    of_type = lammps.numpy.extract_atom("mass")
    masses = np.array([of_type[t] for t in lammps.gather_atoms("type", 0, 1)])
    return Topology(
        numbers=np.array([ELEMENT[round(m, 3)] for m in masses]),
        masses=masses,
        cell=np.zeros((3, 3)),
        periodic=np.zeros(3, bool),
    )
