"""Continuous reference MD in chunks: short NVE runs, each preceded by an NVT run for decorrelation.

Chunks are numbered from 0 and distributed over `processes` parallel chains. A chunk starts with new velocities from the
final positions of the previous chunk in its chain. Its content depends only on the settings and its number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from trajcast.config.schema import ReferenceSettings
from trajcast.config.settings import StreamSettings, whole_multiple
from trajcast.core.errors import UserError
from trajcast.core.mechanics import thermal_velocities
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.files import fingerprint
from trajcast.io.trajectory import Trajectory
from trajcast.reference.engines import MdRun
from trajcast.reference.protocol import record
from trajcast.reference.starts import start_state

LARGEST_SEED = 800_000_000  # LAMMPS rejects seeds above 900 000 000


def chunk_file(folder: Path, number: int) -> Path:
    """Path of a finished chunk."""
    return folder / f"chunk-{number}.h5md"


def chunk_to_begin_with(folder: Path, processes: int, chain: int, needed: int) -> int:
    """The first chunk of a chain to run if no chunk before `needed` will be read again.

    This is the first chunk of the chain at or after `needed` if that chunk or its predecessor exists; otherwise the
    nearest earlier chunk that can be started.
    """
    number = needed + (chain - needed) % processes
    while number >= processes and not any(chunk_file(folder, n).exists() for n in (number, number - processes)):
        number -= processes
    return number


def run_chunk(
    settings: ReferenceSettings, stream: StreamSettings, interval_fs: float, starts: Path, folder: Path, number: int
) -> None:
    """Run one chunk with frames `interval_fs` apart; resume it if interrupted, do nothing if finished."""
    path = chunk_file(folder, number)
    if path.exists():
        return
    seeded = settings.model_copy(update={"seed": _seed(settings.seed, number)})
    spec, positions = _start(stream, starts, folder, number)
    state = thermal_velocities(positions, settings.temperature_K, torch.Generator().manual_seed(seeded.seed))
    files = [folder / f"decorrelation-{number}.h5md", path]
    for run, file in zip(_runs(settings, stream, interval_fs), files, strict=True):
        identity = {"chunk": number, "run": run.name, "seed": seeded.seed}
        identity |= {"start": fingerprint(state.positions.tolist(), state.velocities.tolist())}
        record(seeded, run, spec, state, file, identity)
        with Trajectory(file) as trajectory:
            state = trajectory.state(-1)
    remove_chunk_files(folder, number, keep=path)


def remove_chunk_files(folder: Path, number: int, keep: Path | None = None) -> None:
    """Remove all files of a chunk except `keep`."""
    for pattern in (f"decorrelation-{number}.*", f"chunk-{number}.*"):
        for path in folder.glob(pattern):
            if path != keep:
                path.unlink()


def _runs(settings: ReferenceSettings, stream: StreamSettings, interval_fs: float) -> list[MdRun]:
    try:
        every = whole_multiple(interval_fs, settings.timestep_fs, "the horizon (fs)", "reference.timestep_fs")
    except ValueError as error:
        raise UserError(str(error)) from None
    durations_ps = (stream.decorrelation_ps, stream.chunk_ps)
    nvt_steps, nve_steps = (max(1, round(ps * PS / interval_fs)) * every for ps in durations_ps)
    tau_fs = settings.nvt.tau_fs
    return [
        MdRun(name="decorrelation", ensemble="NVT (CSVR)", steps=nvt_steps, every=nvt_steps, relaxation_fs=tau_fs),
        MdRun(name="chunk", ensemble="NVE", steps=nve_steps, every=every),
    ]


def _start(stream: StreamSettings, starts: Path, folder: Path, number: int) -> tuple[SystemSpec, State]:
    """Last frame of the previous chunk in the chain; for the first chunks, a start of a training run."""
    if number >= stream.processes:
        with Trajectory(chunk_file(folder, number - stream.processes)) as previous:
            return previous.spec, previous.state(-1)
    with Trajectory(starts) as trajectory:
        training = max(1, len(trajectory) - 3)  # the last three belong to the validation, test and NVT runs
        return trajectory.spec, start_state(trajectory, number % training)


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] % LARGEST_SEED) + 1
