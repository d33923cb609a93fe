"""The published protocol (arXiv:2503.23794, §3): minimisation, optionally a constant-pressure run to find the cell,
equilibration, then NVE runs and one NVT run.

The parts are `equilibration`, `nve_1` … `nve_N`, `nvt` and optionally `nvt_2`, whose velocities and thermostat noise
use the next seed. Each part has its own files, all in one folder. A part is finished if its file exists; a file made
with other settings is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trajcast.config.schema import ConstantPressureSettings, ReferenceSettings
from trajcast.config.settings import whole_multiple
from trajcast.core.errors import UserError
from trajcast.core.mechanics import set_momentum, thermal_velocities
from trajcast.core.plugins import named_module
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io import layout
from trajcast.io.files import fingerprint
from trajcast.io.locks import exclusive_lock
from trajcast.io.provenance import provenance
from trajcast.io.recorder import Recorder, remove_segments
from trajcast.io.trajectory import Trajectory
from trajcast.reference.engines import CANONICAL, MdRun
from trajcast.reference.input_files import file_hashes
from trajcast.reference.starts import start_state, write_starts
from trajcast.reference.structure import structure_of

EQUILIBRATION = "equilibration"
NVT, SECOND_NVT = "nvt", "nvt_2"
CONSTANT_PRESSURE = "npt"  # optional first stage of the equilibration
RESCALINGS_PER_DAMPING = 10  # cell rescalings per damping time, one frame for each
START_KEYS = ("runs", "start_window_K", "start_window_percent", "start_spacing_ps")  # of the NVE section
CHECK_OF_TEMPERATURE_FS = 10.0  # between frames of the equilibration that may become starts
CHECK_OF_ENERGY_FS = 2.0  # the energy window is narrow: an isolated molecule crosses it within femtoseconds


def run_names(settings: ReferenceSettings) -> list[str]:
    """Names of the runs that follow the equilibration."""
    second = [] if settings.nvt.second_run_ps is None else [SECOND_NVT]
    return [*(f"nve_{i + 1}" for i in range(settings.nve.runs)), NVT, *second]


def perform(settings: ReferenceSettings, part: str, folder: Path) -> None:
    """Run one part; resume it if interrupted, do nothing if finished.

    Raises:
        UserError: If the equilibration is missing, or files in the folder were made with other settings.
    """
    if part == EQUILIBRATION:
        _equilibrate(settings, folder)
        return
    starts_path = folder / layout.STARTS_FILE
    if not starts_path.exists():
        raise UserError(f"{part}: {starts_path} is missing; run --part {EQUILIBRATION} first")
    with Trajectory(starts_path) as starts:
        _check_identity(starts, _identity(settings, EQUILIBRATION))
        seeded = settings.model_copy(update={"seed": settings.seed + 1}) if part == SECOND_NVT else settings
        start = _start(seeded, part, starts)
        identity = _identity(seeded, part)
        identity |= {"start": fingerprint(start.positions.tolist(), start.velocities.tolist())}
        path = folder / f"{part}.h5md"
        with exclusive_lock(path):
            record(seeded, plan(seeded, part), starts.spec, start, path, identity)


def _start(settings: ReferenceSettings, part: str, starts: Trajectory) -> State:
    """The initial state of a part; the second NVT run takes the first start with new velocities."""
    if part == SECOND_NVT:
        rng = torch.Generator().manual_seed(settings.seed)
        return thermal_velocities(start_state(starts, 0), settings.temperature_K, rng)
    return start_state(starts, [*(f"nve_{i + 1}" for i in range(settings.nve.runs)), NVT].index(part))


def plan(settings: ReferenceSettings, part: str) -> MdRun:
    """The run that makes up a part; UserError if its duration is not a whole number of frames."""
    timestep_fs = settings.timestep_fs
    if part == CONSTANT_PRESSURE:
        assert settings.equilibration.npt is not None
        return _constant_pressure(settings.equilibration.npt, timestep_fs)
    if part == EQUILIBRATION:
        check_fs = CHECK_OF_TEMPERATURE_FS if settings.nve.start_window_K is not None else CHECK_OF_ENERGY_FS
        every = max(1, round(check_fs / timestep_fs))
        return MdRun(
            name=part,
            ensemble="NVT (Nosé–Hoover)",
            steps=every * math.ceil(settings.equilibration.duration_ps * PS / timestep_fs / every),
            every=every,
            relaxation_fs=settings.equilibration.damping_fs,
            chain_length=settings.equilibration.chain_length,
            minimise=settings.equilibration.npt is None,
        )
    section, name = (settings.nvt, "nvt") if part in (NVT, SECOND_NVT) else (settings.nve, "nve")
    key = "second_run_ps" if part == SECOND_NVT else "duration_ps"
    try:
        every = whole_multiple(section.interval_fs, timestep_fs, f"{name}.interval_fs", "timestep_fs")
        frames = whole_multiple(
            getattr(section, key) * PS, section.interval_fs, f"{name}.{key} in fs", f"{name}.interval_fs"
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    steps = frames * every
    if part in (NVT, SECOND_NVT):
        return MdRun(name=part, ensemble="NVT (CSVR)", steps=steps, every=every, relaxation_fs=settings.nvt.tau_fs)
    return MdRun(name=part, ensemble="NVE", steps=steps, every=every)


def _constant_pressure(npt: ConstantPressureSettings, timestep_fs: float) -> MdRun:
    every = max(1, round(npt.damping_fs / timestep_fs / RESCALINGS_PER_DAMPING))
    return MdRun(
        name=CONSTANT_PRESSURE,
        ensemble="NpT (Berendsen)",
        steps=every * math.ceil(npt.duration_ps * PS / timestep_fs / every),
        every=every,
        relaxation_fs=npt.damping_fs,
        pressure=npt,
        minimise=True,
    )


def _equilibrate(settings: ReferenceSettings, folder: Path) -> None:
    product, path = folder / layout.STARTS_FILE, folder / f"{EQUILIBRATION}.h5md"
    identity = _identity(settings, EQUILIBRATION)
    with exclusive_lock(product):
        if product.exists():
            with Trajectory(product) as starts:
                _check_identity(starts, identity)
            return
        spec, positions = structure_of(settings)
        at_rest = spec.state(positions, 0 * positions)
        start = thermal_velocities(at_rest, settings.temperature_K, torch.Generator().manual_seed(settings.seed))
        if settings.equilibration.npt is not None:
            npt = folder / f"{CONSTANT_PRESSURE}.h5md"
            _record_anew(settings, CONSTANT_PRESSURE, spec, start, npt)
            spec, start = _with_mean_cell(npt)
        _record_anew(settings, EQUILIBRATION, spec, start, path)
        with Trajectory(path) as equilibration:
            write_starts(product, equilibration, settings, _provenance(settings, identity))


def _with_mean_cell(npt: Path) -> tuple[SystemSpec, State]:
    """The last frame of the constant-pressure run, scaled to the mean cell of its second half."""
    with Trajectory(npt) as trajectory:
        cells = trajectory.cells[len(trajectory) // 2 :]
        spec = replace(trajectory.spec, cell=cells.mean(axis=0))
        fractional = np.linalg.solve(cells[-1].T, trajectory.positions[-1].T.astype(np.float64)).T
        return spec, set_momentum(spec.state(fractional @ spec.cell, trajectory.velocities[-1]))


def _record_anew(settings: ReferenceSettings, part: str, spec: SystemSpec, start: State, path: Path) -> None:
    """Record a stage of the equilibration, first removing a file that an unfinished run with other settings left."""
    identity = _identity(settings, part)
    if path.exists() and not _is_from(path, identity):
        path.unlink()
    record(settings, plan(settings, part), spec, start, path, identity)


def record(
    settings: ReferenceSettings, run: MdRun, spec: SystemSpec, start: State, path: Path, identity: Mapping[str, Any]
) -> None:
    """Record one run; resume it if interrupted, do nothing if finished.

    Args:
        identity: Everything that the frames depend on.

    Raises:
        UserError: If the file exists with another identity.
    """
    if path.exists():
        with Trajectory(path) as trajectory:
            _check_identity(trajectory, identity)
        remove_segments(path)  # left over if the run was killed at its very end
        return
    engine = named_module("reference.engines", settings.engine)
    recorder = Recorder(
        path,
        spec,
        identity=identity,
        provenance=_provenance(settings, identity)
        | {"ensemble": _ensemble(run), "canonical_temperature_K": _canonical_temperature(settings, run)},
        energies=("potential", "total"),
    )
    engine.simulate(settings, run, start, recorder)


def _ensemble(run: MdRun) -> str:
    return (
        run.ensemble if run.final_temperature_K is None else f"{run.ensemble[:-1]}, to {run.final_temperature_K:g} K)"
    )


def _canonical_temperature(settings: ReferenceSettings, run: MdRun) -> float | None:
    """The temperature (K) of the canonical ensemble that a run samples; None for others, and on a ramp."""
    constant = run.ensemble in CANONICAL and run.final_temperature_K is None
    return settings.temperature_K if constant else None


def _provenance(settings: ReferenceSettings, identity: Mapping[str, Any]) -> dict[str, Any]:
    return provenance("reference", settings.model_dump(), identity=dict(identity))


def _identity(settings: ReferenceSettings, part: str) -> dict[str, Any]:
    """The settings, with file hashes, that the frames of a part depend on."""
    values = settings.model_dump(exclude={"max_drift_meV_per_atom_per_ps", "device", "accept"})
    used: Mapping[str, tuple[str, ...]] = {  # keys of each section
        CONSTANT_PRESSURE: {"equilibration": ("npt",)},
        EQUILIBRATION: {"equilibration": tuple(values["equilibration"]), "nve": START_KEYS},
        NVT: {"nvt": ("duration_ps", "interval_fs", "tau_fs")},
        SECOND_NVT: {"nvt": ("second_run_ps", "interval_fs", "tau_fs")},
    }.get(part, {"nve": ("duration_ps", "interval_fs")})
    for section in ("equilibration", "nve", "nvt"):
        values[section] = {key: values[section][key] for key in used.get(section, ())}
    files = file_hashes(settings)
    return {"part": part, "settings": values} | ({"files": files} if files else {})


def _is_from(path: Path, identity: Mapping[str, Any]) -> bool:
    with Trajectory(path) as trajectory:
        return bool(trajectory.provenance.get("identity") == identity)


def _check_identity(trajectory: Trajectory, identity: Mapping[str, Any]) -> None:
    if trajectory.provenance.get("identity") != identity:
        raise UserError(f"{trajectory.path} was made with other settings; remove it or choose another --output")
