"""Reference MD along a temperature ramp, started from a frame of the NVT run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from trajcast.config.schema import ReferenceSettings
from trajcast.config.settings import whole_multiple
from trajcast.config.studies import PS, RampSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import set_angular_momentum, set_momentum
from trajcast.io.files import fingerprint
from trajcast.io.locks import exclusive_lock
from trajcast.io.trajectory import Trajectory
from trajcast.reference.engines import MdRun
from trajcast.reference.protocol import record


def cool(reference: ReferenceSettings, ramp: RampSettings, start: Path, frame: int, seed: int, output: Path) -> None:
    """Record the run of one seed, or resume it if interrupted.

    The thermostat is that of the NVT run, with noise from `seed`.

    Raises:
        UserError: If a duration is not a whole number of steps, `frame` does not exist, or `output` was made with other
            settings.
    """
    with Trajectory(start) as nvt:
        if not 0 <= frame < len(nvt):
            raise UserError(f"{start}: no frame {frame}; it has {len(nvt)} frames, counted from 0")
        state, spec = set_angular_momentum(set_momentum(nvt.state(frame))), nvt.spec
    try:
        every = whole_multiple(ramp.interval_fs, reference.timestep_fs, "interval_fs", "timestep_fs")
        frames = whole_multiple(ramp.duration_ps * PS, ramp.interval_fs, "duration_ps in fs", "interval_fs")
    except ValueError as error:
        raise UserError(str(error)) from None
    run = MdRun(
        name=f"cooling, seed {seed}",
        ensemble="NVT (CSVR)",
        steps=frames * every,
        every=every,
        relaxation_fs=reference.nvt.tau_fs,
        final_temperature_K=ramp.final_temperature_K,
    )
    settings = reference.model_copy(update={"seed": seed})
    kept = settings.model_dump(exclude={"equilibration", "nve", "max_drift_meV_per_atom_per_ps", "device", "accept"})
    identity = {
        "part": "cooling",
        "settings": kept,
        "ramp": asdict(ramp),
        "start": fingerprint(state.positions.tolist(), state.velocities.tolist()),
    }
    with exclusive_lock(output):
        record(settings, run, spec, state, output, identity)
