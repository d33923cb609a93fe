"""Reference MD with LAMMPS (Thompson et al. 2022, doi:10.1016/j.cpc.2021.108171), in this process on one thread."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.io.files import write_text
from trajcast.io.progress import progress
from trajcast.io.recorder import Recorder
from trajcast.io.stopping import Stopped, watched
from trajcast.reference.engines import MdRun
from trajcast.reference.engines._lammps import Instance
from trajcast.reference.engines._lammps_input import input_file, integration, minimisation, rescaling, velocities
from trajcast.reference.engines._potential import Potential, potential_of

SEGMENT_FRAMES = 1000  # frames between restart points
SLOW_SEGMENT_FRAMES = 100  # with a calculator, which may complete few frames per job
RESTRAINT_eV = 40.0  # holds a dihedral angle within a degree against barriers of 1 eV


def simulate(settings: ReferenceSettings, run: MdRun, start: State, recorder: Recorder) -> None:
    """Record `run` from `start`, or resume it after its last segment.

    The LAMMPS input, data file and log are written beside the recorder's file. The run is a chain of segments. Each
    begins by reading the restart written by the previous one, whether or not the process died in between, so an
    interrupted run gives the same frames bit for bit.

    Raises:
        Stopped: If the process has to end; the run is saved up to its last complete segment.
    """
    potential = potential_of(settings, recorder.spec, stress=run.pressure is not None)
    stem = recorder.path.with_suffix("")
    data, log = Path(f"{stem}.data"), Path(f"{stem}.log")
    saved = recorder.restart()
    external = potential.external
    segment = (SEGMENT_FRAMES if external is None else SLOW_SEGMENT_FRAMES) * run.every
    if saved is None:
        log.unlink(missing_ok=True)
    with Instance(log, potential.styles, external) as lammps:
        units = lammps.units
        setup = potential.interactions + integration(settings, run, start, units)
        rescale = rescaling(run, recorder.spec.cell)
        if saved is None:
            write_text(data, potential.data(recorder.spec, start.positions.numpy()) + velocities(start, units))
            text = input_file(potential.styles, data.name, setup, run, segment, units, rescale)
            write_text(f"{stem}.in", text)
            lammps.read_data(data, setup)
            lammps.commands(minimisation(run, units))
            step, wall_s = 0, 0.0
        else:
            lammps.read_restart(saved["lammps"], setup)
            step, wall_s = int(saved["step"]), float(saved["wall_s"])
            if external is not None:
                earlier = json.loads(bytes(saved["warnings"]))
                external.warnings += [text for text in earlier if text not in external.warnings]
        with watched() as time_is_up, progress(f"{run.name}, {run.ensemble}", run.steps, done=step) as advance:
            while step < run.steps:
                begin = time.perf_counter()
                end = min(step + segment, run.steps)
                for _ in _frames(lammps, settings, run, step, end, recorder):
                    advance(run.every)
                    if reason := time_is_up():  # a shortened segment would change the frames after it
                        raise Stopped(f"{reason}; {run.name} is saved up to step {step} of {run.steps}")
                step = end
                restart = lammps.write_restart()
                wall_s += time.perf_counter() - begin  # excludes reloading the potential
                lammps.read_restart(restart, setup)  # start of the next segment; verifies the restart
                state = {"lammps": restart, "step": step, "wall_s": wall_s}
                recorder.commit(state if external is None else state | {"warnings": json.dumps(external.warnings)})
    from_calculator = {} if external is None else {"warnings": external.warnings, "weights": external.weights}
    recorder.finish(speed=_speed(run.steps / wall_s, settings, potential), **from_calculator)


def _speed(steps_per_s: float, settings: ReferenceSettings, potential: Potential) -> dict[str, Any]:
    return {
        "steps_per_s": steps_per_s,
        "ns_per_day": steps_per_s * settings.timestep_fs * 1e-6 * 86400,
        "threads": 1 if potential.external is None else torch.get_num_threads(),
        "device": potential.device,
    }


def potential_energies(settings: ReferenceSettings, spec: SystemSpec, positions: NDArray) -> NDArray[np.float64]:
    """Potential energy (eV) of each frame of `positions` (frames, atoms, 3; Å, wrapped or not).

    `spec` may be a supercell of the system in `settings`.
    """
    energies = np.empty(len(positions))
    if not len(positions):
        return energies
    potential, done = potential_of(settings, spec), 0
    with progress("potential energies", len(positions), unit="frames") as advance:
        for batch in _energies(potential, spec, positions):
            energies[done : done + len(batch)] = batch
            done += len(batch)
            advance(len(batch))
    return energies


def _energies(potential: Potential, spec: SystemSpec, positions: NDArray) -> Iterator[NDArray[np.float64]]:
    """Energies (eV) in batches by the potential's own library if supported, otherwise frame by frame in LAMMPS."""
    wrapped = (_wrapped(frame, spec) for frame in positions)
    if potential.external is not None and potential.external.batch is not None:
        yield from potential.external.energies(wrapped, spec.cell)
        return
    with tempfile.TemporaryDirectory() as folder, Instance(None, potential.styles, potential.external) as lammps:
        data = Path(folder) / "atoms.data"
        data.write_text(potential.data(spec, _wrapped(positions[0], spec)), encoding="utf-8")
        lammps.read_data(data, potential.interactions)
        with lammps.quiet():
            for frame in wrapped:
                lammps.scatter_positions(frame)
                lammps.commands("run 0 post no")
                yield np.array([lammps.thermo("pe") * lammps.units.energy_eV])


def relaxed(
    settings: ReferenceSettings, spec: SystemSpec, positions: NDArray, dihedral: tuple[list[int], float] | None = None
) -> tuple[NDArray[np.float64], float]:
    """Positions (Å) and potential energy (eV) after minimisation from `positions`.

    Args:
        dihedral: Four atoms (counted from 0) and the angle (degrees) at which a restraint holds them; the energy of the
            restraint is not included.
    """
    potential = potential_of(settings, spec)
    with tempfile.TemporaryDirectory() as folder, Instance(None, potential.styles, potential.external) as lammps:
        data = Path(folder) / "atoms.data"
        data.write_text(potential.data(spec, _wrapped(positions, spec)), encoding="utf-8")
        lammps.read_data(data, potential.interactions)
        if dihedral is not None:
            atoms, angle = dihedral
            strength = RESTRAINT_eV / lammps.units.energy_eV
            names = " ".join(str(atom + 1) for atom in atoms)
            # the restraint energy K (1 + cos(φ − d)) is minimal at φ = d + 180°
            lammps.commands(f"fix hold all restrain dihedral {names} {strength!r} {strength!r} {angle - 180.0!r}")
            lammps.commands("fix_modify hold energy yes")
        lammps.commands("minimize 0.0 1.0e-6 10000 100000")
        lammps.commands("unfix hold\nrun 0 post no" if dihedral is not None else "run 0 post no")
        return lammps.gather("x", 1).copy(), lammps.thermo("pe") * lammps.units.energy_eV


def _frames(
    lammps: Instance, settings: ReferenceSettings, run: MdRun, step: int, end: int, recorder: Recorder
) -> Iterator[int]:
    """Advance from `step` to `end`, recording every frame; yield the step of each."""
    units, origin, cell = lammps.units, np.zeros(3), recorder.spec.cell
    rescale = rescaling(run, cell)
    setup = "post no" if rescale else "pre no post no"  # rescaling the box outdates the forces
    lammps.commands("run 0 post no")
    with lammps.quiet():
        while step < end:
            lammps.commands(f"run {run.every} start 0 stop {run.steps} {setup}")
            step += run.every
            energies = {
                name: lammps.thermo(key) * units.energy_eV for name, key in (("potential", "pe"), ("total", "etotal"))
            }
            if not np.isfinite(energies["total"]):
                raise UserError(f"{run.name}: the energy is not finite at step {step}; reduce timestep_fs")
            if rescale:
                origin, cell = lammps.box()
            positions = lammps.gather("x", 1) - origin + lammps.gather("image", 0) @ cell
            recorder.add(
                step, step * settings.timestep_fs, positions, lammps.gather("v", 1) / units.time_fs, energies, cell
            )
            lammps.commands(rescale)
            yield step


def _wrapped(positions: NDArray, spec: SystemSpec) -> NDArray[np.float64]:
    positions = np.asarray(positions, dtype=np.float64)
    if not spec.pbc.any():
        return positions
    fractional = positions @ np.linalg.pinv(spec.cell)
    return positions - np.where(spec.pbc, np.floor(fractional), 0.0) @ spec.cell
