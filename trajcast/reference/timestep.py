"""The largest timestep at which reference MD is still sound, as the basis of a fair speed comparison."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from trajcast.config.schema import ReferenceSettings
from trajcast.config.studies import PS, TimestepStudy
from trajcast.core.errors import UserError
from trajcast.io.files import fingerprint, write_json
from trajcast.io.provenance import provenance
from trajcast.io.trajectory import Trajectory
from trajcast.reference.engines import MdRun
from trajcast.reference.health import drift
from trajcast.reference.protocol import record
from trajcast.reference.starts import start_state

log = logging.getLogger(__name__)


def largest_timestep(settings: ReferenceSettings, study: TimestepStudy, starts: Path, output: Path) -> None:
    """Write `output`: drift and speed of one NVE run per timestep, in ascending order, all from the first start.

    The series ends at the first timestep at which the energy drifts by more than the settings allow or LAMMPS fails;
    `safe` is the one before. The runs are kept in a folder beside `output`; finished ones are not repeated.

    Raises:
        UserError: If LAMMPS fails at the smallest timestep, as the timestep is then not the cause.
    """
    attempts: list[dict[str, Any]] = []
    for timestep_fs in sorted(study.timesteps_fs):
        try:
            attempts.append(_attempt(settings, study, timestep_fs, starts, output.with_suffix("")))
        except UserError as error:
            if not attempts:
                raise
            attempts.append({"timestep_fs": timestep_fs, "safe": False, "reason": str(error)})
        log.info("timestep %g fs: %s", timestep_fs, attempts[-1]["reason"] or "safe")
        if not attempts[-1]["safe"]:
            break
    safe = [attempt for attempt in attempts if attempt["safe"]]
    values = {
        "attempts": attempts,
        "safe": safe[-1] if safe else None,
        "allowed_meV_per_atom_per_ps": settings.max_drift_meV_per_atom_per_ps,
        "provenance": provenance("timestep", settings.model_dump()),
    }
    write_json(output, values)


def _attempt(
    settings: ReferenceSettings, study: TimestepStudy, timestep_fs: float, starts: Path, folder: Path
) -> dict[str, Any]:
    trial = settings.model_copy(update={"timestep_fs": timestep_fs})
    run = MdRun(
        name=f"NVE, {timestep_fs:g} fs", ensemble="NVE", steps=math.ceil(study.duration_ps * PS / timestep_fs), every=1
    )
    with Trajectory(starts) as trajectory:
        state, spec = start_state(trajectory, 0), trajectory.spec
    kept = trial.model_dump(include={"system", "engine", "parameters", "potential", "temperature_K", "timestep_fs"})
    start = fingerprint(state.positions.tolist(), state.velocities.tolist())
    path = folder / f"{timestep_fs:g}fs.h5md"
    record(trial, run, spec, state, path, {"part": "timestep", "settings": kept, "steps": run.steps, "start": start})
    with Trajectory(path) as trajectory:
        total = trajectory.energy("total")
        assert total is not None  # recorded by every engine
        slope = drift(trajectory.times, total, spec.n_atoms)
        speed = trajectory.provenance["speed"]
    limit = settings.max_drift_meV_per_atom_per_ps
    safe = abs(slope) <= limit
    return {
        "timestep_fs": timestep_fs,
        "safe": safe,
        "reason": "" if safe else f"drift {slope:.3g} meV/atom/ps (limit {limit:g})",
        "drift_meV_per_atom_per_ps": slope,
        **speed,
    }
