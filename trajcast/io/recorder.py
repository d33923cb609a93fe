"""Trajectory recording in which `kill -9` loses at most the current segment.

During a run, frames and restart data are written atomically as segment files in a hidden folder beside the output. At
the end they are joined into the H5MD file, also atomically. The name of the folder contains a fingerprint of the run,
so segments made with other settings are never continued.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec
from trajcast.io.files import fingerprint
from trajcast.io.hdf5 import atomic_hdf5
from trajcast.io.trajectory import GROUP, append_frames, write_trajectory_header


class Recorder:
    """Recorder of one run: keeps frames in memory until `commit` writes them and restart data as a segment.

    Args:
        identity: Everything on which the frames depend (settings, hashes of inputs); selects the segments to continue.
        energies: Names of the energies recorded with each frame.
    """

    def __init__(
        self,
        path: Path | str,
        spec: SystemSpec,
        *,
        identity: Mapping[str, Any],
        provenance: Mapping[str, Any],
        energies: tuple[str, ...] = (),
    ):
        self.path = Path(path)
        self.spec = spec
        self.provenance = dict(provenance)
        self.energies = energies
        self.identity = fingerprint(dict(identity))
        self.folder = self.path.with_name(f".{self.path.name}.{self.identity}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._clear()

    def _clear(self) -> None:
        self._steps: list[int] = []
        self._times: list[float] = []
        self._positions: list[NDArray] = []
        self._velocities: list[NDArray] = []
        self._cells: list[NDArray] = []
        self._energies: dict[str, list[float]] = {name: [] for name in self.energies}

    @property
    def segments(self) -> list[Path]:
        return sorted(self.folder.glob("segment-*.h5"))

    def restart(self) -> dict[str, NDArray] | None:
        """Restart data of the last segment; None if the run starts from the beginning."""
        segments = self.segments
        if not segments:
            return None
        with h5py.File(segments[-1], "r") as file:
            return {name: file["restart"][name][()] for name in file["restart"]}

    def add(
        self,
        step: int,
        time_fs: float,
        positions: NDArray,
        velocities: NDArray,
        energies: Mapping[str, float] | None = None,
        cell: NDArray | None = None,
    ) -> None:
        """Add a copy of one frame (Å, Å/fs, eV); give `cell` only if it differs from that of the `SystemSpec`."""
        self._steps.append(step)
        self._times.append(time_fs)
        self._positions.append(np.array(positions, dtype=np.float32))
        self._velocities.append(np.array(velocities, dtype=np.float32))
        self._cells.append(np.array(self.spec.cell if cell is None else cell, dtype=np.float64))
        for name in self.energies:
            self._energies[name].append((energies or {})[name])

    def commit(self, restart: Mapping[str, Any]) -> None:
        """Write the frames in memory and the restart data as the next segment."""
        self.segment(restart)()

    def segment(self, restart: Mapping[str, Any]) -> Callable[[], None]:
        """Return a function that does the work of `commit`, to be called later in any thread.

        The previous segment must be complete before this call. Frames added after it go into the next segment.
        """
        path, write_frames = self.folder / f"segment-{len(self.segments):06d}.h5", self._take_frames()

        def write() -> None:
            with atomic_hdf5(path) as file:
                write_frames(file)
                for name, value in restart.items():
                    file[f"restart/{name}"] = value

        return write

    def _take_frames(self) -> Callable[[h5py.File], None]:
        """Move the frames out of memory into a returned function that writes them to a file, in any thread."""
        steps, times, cells = self._steps, self._times, self._cells
        positions, velocities, energies = self._positions, self._velocities, self._energies
        self._clear()

        def write(file: h5py.File) -> None:
            write_trajectory_header(file, self.spec, self.provenance, self.energies)
            if steps:
                append_frames(
                    file,
                    steps=np.array(steps),
                    times=np.array(times),
                    positions=np.stack(positions),
                    velocities=np.stack(velocities),
                    cells=np.stack(cells),
                    energies={name: np.array(values) for name, values in energies.items()},
                )

        return write

    def keep_segments(self, count: int) -> None:
        """Remove all but the first `count` segments."""
        for path in reversed(self.segments[count:]):
            path.unlink()

    def join(self, **provenance: Any) -> None:
        """Join all committed segments into the H5MD file, without removing them."""
        with atomic_hdf5(self.path) as file:
            write_trajectory_header(file, self.spec, self.provenance | provenance, self.energies)
            for path in self.segments:
                with h5py.File(path, "r") as segment:
                    group = segment[GROUP]
                    append_frames(
                        file,
                        steps=group["position/step"][()],
                        times=group["position/time"][()],
                        positions=group["position/value"][()],
                        velocities=group["velocity/value"][()],
                        cells=group["box/edges/value"][()],
                        energies={n: segment[f"observables/{n}_energy/value"][()] for n in self.energies},
                    )

    def finish(self, **provenance: Any) -> None:
        """Join all committed segments into the H5MD file; remove them and those of abandoned runs."""
        self.join(**provenance)
        remove_segments(self.path)


def remove_segments(path: Path) -> None:
    """Remove the segments of every run that wrote to `path`, finished or abandoned.

    They are removed in reverse order, so that after a kill the remaining ones still form the beginning of the run.
    """
    for folder in path.parent.glob(f".{path.name}.{'[0-9a-f]' * 16}"):
        for segment in sorted(folder.glob("segment-*.h5"), reverse=True):
            segment.unlink()
        shutil.rmtree(folder)
