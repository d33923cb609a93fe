"""Trajectories known in closed form, written in every format: drifting, vibrating waters that cross their box."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ase
import ase.io
import ase.units
import numpy as np
from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec
from trajcast.io.recorder import Recorder

BOX = np.diag([8.0, 9.0, 10.0])


@dataclass(frozen=True)
class Motion:
    """x(t) = x0 + drift t + amplitude sin(ω t + phase) for every coordinate, less the same of the centre of mass."""

    spec: SystemSpec
    start: NDArray[np.float64]
    drift: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    omega: NDArray[np.float64]
    phase: NDArray[np.float64]

    def positions(self, time_fs: float) -> NDArray[np.float64]:
        moved = self.drift * time_fs + self.amplitude * np.sin(self.omega * time_fs + self.phase)
        return self.start + self._still(moved)

    def velocities(self, time_fs: float) -> NDArray[np.float64]:
        return self._still(self.drift + self.amplitude * self.omega * np.cos(self.omega * time_fs + self.phase))

    def _still(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values - self.spec.masses @ values / self.spec.masses.sum()


def random_motion(seed: int, molecules: int = 4, cell: NDArray[np.float64] = BOX) -> Motion:
    """Atoms of water scattered over the cell, all at one temperature; drifts carry hydrogens across a face."""
    rng = np.random.default_rng(seed)
    numbers = np.array([8, 1, 1] * molecules)
    shape = (len(numbers), 3)
    spec = SystemSpec(
        numbers=numbers,
        masses=ase.Atoms(numbers).get_masses(),
        cell=cell,
        pbc=np.full(3, True),
    )
    share = np.sqrt(1.008 / spec.masses)[:, None]
    return Motion(
        spec=spec,
        start=rng.uniform(size=shape) @ cell,
        drift=rng.normal(scale=0.03, size=shape) * share,
        amplitude=rng.uniform(0.02, 0.1, size=shape) * share,
        omega=rng.uniform(0.05, 0.4, size=shape),
        phase=rng.uniform(0, 2 * np.pi, size=shape),
    )


def write_h5md(path: Path, motion: Motion, frames: int = 200, interval_fs: float = 1.0) -> Path:
    recorder = Recorder(path, motion.spec, identity={"path": str(path)}, provenance={})
    for frame in range(frames):
        time = frame * interval_fs
        recorder.add(frame, time, motion.positions(time), motion.velocities(time))
    recorder.commit({})
    recorder.finish()
    return path


def images(motion: Motion, frames: int = 200, interval_fs: float = 1.0, wrapped: bool = True) -> list[ase.Atoms]:
    """The frames as ASE has them, wrapped into the cell."""
    result = []
    for frame in range(frames):
        atoms = ase.Atoms(
            motion.spec.numbers,
            positions=motion.positions(frame * interval_fs),
            cell=motion.spec.cell,
            pbc=motion.spec.pbc,
        )
        atoms.set_velocities(motion.velocities(frame * interval_fs) / ase.units.fs)
        if wrapped:
            atoms.wrap()
        result.append(atoms)
    return result


def write_dump(
    path: Path,
    motion: Motion,
    frames: int = 200,
    *,
    units: str = "real",
    stated: bool = True,
    columns: str = "id element x y z vx vy vz",
) -> Path:
    """A LAMMPS text dump, as `dump custom` writes it with atoms in the order of the processor; 1 fs between frames."""
    velocity_unit, time_unit = {"real": (1.0, 1.0), "metal": (1e3, 1e-3)}[units]
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        for frame, atoms in enumerate(images(motion, frames)):
            if stated and frame == 0:
                file.write(f"ITEM: UNITS\n{units}\n")
            if stated:
                file.write(f"ITEM: TIME\n{frame * time_unit:.16g}\n")
            file.write(f"ITEM: TIMESTEP\n{2 * frame}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp pp\n")
            for length in atoms.cell.lengths():
                file.write(f"0.0 {length:.16e}\n")
            file.write(f"ITEM: ATOMS {columns}\n")
            velocities = motion.velocities(float(frame)) * velocity_unit
            for i in rng.permutation(len(atoms)):
                values = {"id": i + 1, "element": atoms[i].symbol, "type": 1 if atoms[i].symbol == "O" else 2}
                values |= {name: f"{x:.10g}" for name, x in zip("xyz", atoms.positions[i], strict=True)}
                values |= {f"v{name}": f"{v:.10g}" for name, v in zip("xyz", velocities[i], strict=True)}
                file.write(" ".join(str(values[name]) for name in columns.split()) + "\n")
    return path
