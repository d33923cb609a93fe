"""Reference MD without end, in chunks: short NVE runs, each after a stretch of NVT that makes it a new sample.

Chunks are numbered from 0 and fall into `processes` chains that run side by side: a chunk begins where the one before
it in its chain ended, with new velocities. What a chunk contains depends on the settings and its number alone.
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
from trajcast.reference.engines import Run
from trajcast.reference.protocol import record
from trajcast.reference.starts import start_state

LARGEST_SEED = 800_000_000  # LAMMPS takes none above 900 000 000


def chunk_file(folder: Path, number: int) -> Path:
    """Where a chunk is once it is whole."""
    return folder / f"chunk-{number}.h5md"


def chunk_to_begin_with(folder: Path, processes: int, chain: int, needed: int) -> int:
    """The chunk of a chain to make first, where none before `needed` will be read any more.

    That is the first one from `needed` on, if what it goes on from is there; else one before, from which it follows.
    """
    number = needed + (chain - needed) % processes
    while number >= processes and not any(chunk_file(folder, n).exists() for n in (number, number - processes)):
        number -= processes
    return number


def run_chunk(
    settings: ReferenceSettings, stream: StreamSettings, interval_fs: float, starts: Path, folder: Path, number: int
) -> None:
    """Run one chunk with frames `interval_fs` apart, go on with it, or leave it alone where it is whole."""
    path = chunk_file(folder, number)
    if path.exists():
        return
    own = settings.model_copy(update={"seed": _seed(settings.seed, number)})
    spec, positions = _start(stream, starts, folder, number)
    state = thermal_velocities(positions, settings.temperature_K, torch.Generator().manual_seed(own.seed))
    files = [folder / f"decorrelation-{number}.h5md", path]
    for run, file in zip(_runs(settings, stream, interval_fs), files, strict=True):
        identity = {"chunk": number, "run": run.name, "seed": own.seed}
        identity |= {"start": fingerprint(state.positions.tolist(), state.velocities.tolist())}
        record(own, run, spec, state, file, identity)
        with Trajectory(file) as trajectory:
            state = trajectory.state(-1)
    remove_chunk_files(folder, number, keep=path)


def remove_chunk_files(folder: Path, number: int, keep: Path | None = None) -> None:
    """All files of a chunk, but for one."""
    for pattern in (f"decorrelation-{number}.*", f"chunk-{number}.*"):
        for path in folder.glob(pattern):
            if path != keep:
                path.unlink()


def _runs(settings: ReferenceSettings, stream: StreamSettings, interval_fs: float) -> list[Run]:
    try:
        every = whole_multiple(interval_fs, settings.timestep_fs, "the horizon (fs)", "reference.timestep_fs")
    except ValueError as error:
        raise UserError(str(error)) from None
    first, second = (max(1, round(ps * PS / interval_fs)) * every for ps in (stream.decorrelation_ps, stream.chunk_ps))
    tau_fs = settings.nvt.tau_fs
    return [
        Run(name="decorrelation", ensemble="NVT (CSVR)", steps=first, every=first, relaxation_fs=tau_fs),
        Run(name="chunk", ensemble="NVE", steps=second, every=every),
    ]


def _start(stream: StreamSettings, starts: Path, folder: Path, number: int) -> tuple[SystemSpec, State]:
    """From the last frame of the chain's earlier chunk; the first ones from the starts of the training runs."""
    if number >= stream.processes:
        with Trajectory(chunk_file(folder, number - stream.processes)) as earlier:
            return earlier.spec, earlier.state(-1)
    with Trajectory(starts) as trajectory:
        training = max(1, len(trajectory) - 3)  # then follow those of validation, test and NVT runs
        return trajectory.spec, start_state(trajectory, number % training)


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] % LARGEST_SEED) + 1
