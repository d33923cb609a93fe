"""Recording a trajectory so that `kill -9` at any moment loses at most the current segment.

While a run goes on, its frames and restart data are kept as whole segment files in a hidden folder beside the output;
each appears by one rename. The end of the run joins them into the H5MD file, again by one rename. The folder's name
carries a fingerprint of the run, so segments made with other settings are never continued.
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
    """Frames of one run, in memory until `commit` writes them as a segment together with a restart point.

    `identity` is what the frames depend on (settings, hashes of inputs); it selects which segments are continued.
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
        """The restart data of the last whole segment; None when the run starts from the beginning."""
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
        """Keep one frame (arrays are copied): Å, Å/fs, eV; `cell` only where it differs from the topology's."""
        self._steps.append(step)
        self._times.append(time_fs)
        self._positions.append(np.array(positions, dtype=np.float32))
        self._velocities.append(np.array(velocities, dtype=np.float32))
        self._cells.append(np.array(self.spec.cell if cell is None else cell, dtype=np.float64))
        for name in self.energies:
            self._energies[name].append((energies or {})[name])

    def commit(self, restart: Mapping[str, Any]) -> None:
        """Write the frames kept so far, with the data from which the run goes on, as the next segment."""
        self.segment(restart)()

    def segment(self, restart: Mapping[str, Any]) -> Callable[[], None]:
        """What `commit` does, to be called later, in whatever thread; the commit before must be whole by now.

        Frames that are added from now on go into the next segment.
        """
        path, write_frames = self.folder / f"segment-{len(self.segments):06d}.h5", self._take_frames()

        def write() -> None:
            with atomic_hdf5(path) as file:
                write_frames(file)
                for name, value in restart.items():
                    file[f"restart/{name}"] = value

        return write

    def _take_frames(self) -> Callable[[h5py.File], None]:
        """What writes the frames kept so far to a file, in whatever thread; from now on they are no longer kept."""
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
        """Remove the segments after the first `count`."""
        for path in reversed(self.segments[count:]):
            path.unlink()

    def join(self, **provenance: Any) -> None:
        """Join all committed segments into the H5MD file; they stay until they are removed."""
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
        """Join all committed segments into the H5MD file and remove them (those of abandoned runs, too)."""
        self.join(**provenance)
        remove_segments(self.path)


def remove_segments(path: Path) -> None:
    """Remove the segments of every run that wrote to `path`, finished or abandoned.

    The last segments go first: those that a kill leaves behind are still the beginning of the run.
    """
    for folder in path.parent.glob(f".{path.name}.{'[0-9a-f]' * 16}"):
        for segment in sorted(folder.glob("segment-*.h5"), reverse=True):
            segment.unlink()
        shutil.rmtree(folder)
