"""The published protocol: minimise, equilibrate, then NVE runs and one NVT run (arXiv:2503.23794, §3).

Parts are `equilibration`, `nve_1` … `nve_N` and `nvt`; each is one run with its own files in one folder. A part whose
file exists is finished; a file made with other settings is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trajcast.config import Reference, validate
from trajcast.engines import Run
from trajcast.errors import UserError
from trajcast.files import fingerprint, sole_writer
from trajcast.mechanics import thermal_velocities
from trajcast.modules import named_module
from trajcast.provenance import provenance
from trajcast.recorder import Recorder, remove_segments
from trajcast.reference.starts import start_state, write_starts
from trajcast.settings import whole_multiple
from trajcast.state import State
from trajcast.trajectory import Topology, Trajectory
from trajcast.units import PS

EQUILIBRATION = "equilibration"
CHECKS_PER_SPACING = 10  # frames of the equilibration that may become starts, per `start_spacing_ps`


def run_names(settings: Reference) -> list[str]:
    """The names of the runs that follow the equilibration."""
    return [*(f"nve_{i + 1}" for i in range(settings.nve.runs)), "nvt"]


def perform(settings: Reference, part: str, folder: Path) -> None:
    """Carry out one part, go on with it where it was broken off, or leave it alone where it is finished.

    Raises UserError when the equilibration is missing, or files in the folder come from other settings.
    """
    if part == EQUILIBRATION:
        _equilibrate(settings, folder)
        return
    starts_path = folder / "starts.h5"
    if not starts_path.exists():
        raise UserError(f"{part}: {starts_path} is missing; run --part {EQUILIBRATION} first")
    with Trajectory(starts_path) as starts:
        _check_identity(starts, _identity(settings, EQUILIBRATION))
        start = start_state(starts, run_names(settings).index(part))  # the NVT run comes last, as does its start
        identity = _identity(settings, part) | {
            "start": fingerprint(start.positions.tolist(), start.velocities.tolist())
        }
        path = folder / f"{part}.h5md"
        with sole_writer(path):
            _record(settings, plan(settings, part), starts.topology, start, path, identity)


def plan(settings: Reference, part: str) -> Run:
    """The run that a part consists of; UserError when its duration is no whole number of frames."""
    timestep_fs = settings.timestep_fs
    if part == EQUILIBRATION:
        every = max(1, round(settings.nve.start_spacing_ps * PS / timestep_fs / CHECKS_PER_SPACING))
        return Run(
            name=part,
            ensemble="NVT (Nosé–Hoover)",
            steps=every * math.ceil(settings.equilibration.duration_ps * PS / timestep_fs / every),
            every=every,
            relaxation_fs=settings.equilibration.damping_fs,
            minimise=True,
        )
    section, name = (settings.nvt, "nvt") if part == "nvt" else (settings.nve, "nve")
    try:
        every = whole_multiple(section.interval_fs, timestep_fs, f"{name}.interval_fs", "timestep_fs")
        frames = whole_multiple(
            section.duration_ps * PS, section.interval_fs, f"{name}.duration_ps in fs", f"{name}.interval_fs"
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    steps = frames * every
    if part == "nvt":
        return Run(name=part, ensemble="NVT (CSVR)", steps=steps, every=every, relaxation_fs=settings.nvt.tau_fs)
    return Run(name=part, ensemble="NVE", steps=steps, every=every)


def _equilibrate(settings: Reference, folder: Path) -> None:
    product, path = folder / "starts.h5", folder / f"{EQUILIBRATION}.h5md"
    identity = _identity(settings, EQUILIBRATION)
    with sole_writer(product):
        if product.exists():
            with Trajectory(product) as starts:
                _check_identity(starts, identity)
            return
        system = named_module("systems", settings.system)
        parameters = validate(system.Parameters, settings.parameters, "reference.parameters")
        topology, positions = system.structure(parameters, settings.seed)
        at_rest = topology.state(positions, 0 * positions)
        start = thermal_velocities(at_rest, settings.temperature_K, torch.Generator().manual_seed(settings.seed))
        if path.exists() and not _is_from(path, identity):
            path.unlink()  # left over from starts that are gone
        _record(settings, plan(settings, EQUILIBRATION), topology, start, path, identity)
        with Trajectory(path) as equilibration:
            write_starts(product, equilibration, settings, _provenance(settings, identity))


def _record(
    settings: Reference, run: Run, topology: Topology, start: State, path: Path, identity: Mapping[str, Any]
) -> None:
    if path.exists():
        with Trajectory(path) as trajectory:
            _check_identity(trajectory, identity)
        remove_segments(path)  # there are some if the run was killed at its very end
        return
    engine = named_module("engines", settings.engine)
    recorder = Recorder(
        path,
        topology,
        identity=identity,
        provenance=_provenance(settings, identity) | {"ensemble": run.ensemble},
        energies=("potential", "total"),
    )
    engine.simulate(settings, run, start, recorder)


def _provenance(settings: Reference, identity: Mapping[str, Any]) -> dict[str, Any]:
    return provenance("reference", settings.model_dump(), identity=dict(identity))


def _identity(settings: Reference, part: str) -> dict[str, Any]:
    """The settings that a part's frames depend on."""
    own = {EQUILIBRATION: ("equilibration", "nve"), "nvt": ("nvt",)}.get(part, ("nve",))
    values = settings.model_dump(exclude={"max_drift_meV_per_atom_per_ps"})
    values |= {section: values[section] if section in own else None for section in ("equilibration", "nve", "nvt")}
    if part == EQUILIBRATION:
        values["nve"] = {key: values["nve"][key] for key in ("runs", "start_window_K", "start_spacing_ps")}
    elif part != "nvt":
        values["nve"] = {key: values["nve"][key] for key in ("duration_ps", "interval_fs")}
    return {"part": part, "settings": values}


def _is_from(path: Path, identity: Mapping[str, Any]) -> bool:
    with Trajectory(path) as trajectory:
        return bool(trajectory.provenance.get("identity") == identity)


def _check_identity(trajectory: Trajectory, identity: Mapping[str, Any]) -> None:
    if trajectory.provenance.get("identity") != identity:
        raise UserError(f"{trajectory.path} was made with other settings; remove it or choose another --output")
