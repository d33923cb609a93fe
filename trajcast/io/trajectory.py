"""Trajectories of reference MD and rollouts in H5MD 1.1 files.

Positions (unwrapped, Å) and velocities (Å/fs) are float32; times (fs), energies and cells float64. Layout and units:
docs/conventions.md; H5MD: de Buyl, Colberg & Höfling 2014, doi:10.1016/j.cpc.2014.01.018.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from trajcast.core.elements import check_atoms
from trajcast.core.errors import UserError
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.core.version import __version__
from trajcast.io.formats import TRAJECTORY, check_format, provenance_record
from trajcast.io.hdf5 import Series, open_hdf5, write_checked

GROUP = "particles/all"
UNITS = {"position": "Angstrom", "velocity": "Angstrom fs-1", "time": "fs", "energy": "eV", "mass": "u"}


class Trajectory:
    """An H5MD file opened for reading; use as a context manager.

    Raises:
        UserError: If the file is missing, damaged, or not a TrajCast trajectory.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._file = open_hdf5(self.path, "a readable H5MD file")
        try:
            self._read_header()
        except UserError:
            self._file.close()
            raise
        except OSError as error:
            self._file.close()
            raise UserError(f"{path}: cannot be read (truncated or damaged?): {error}; make or copy it again") from None
        except KeyError as error:
            self._file.close()
            missing = re.search(r"object '(\w+)' doesn't exist", str(error))
            reason = f"it has no {missing[1]}" if missing else str(error.args[0])
            raise UserError(
                f"{path}: not a TrajCast H5MD trajectory: {reason}; give one that TrajCast wrote, with "
                "positions and velocities, or convert it to extended XYZ"
            ) from None
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            self._file.close()
            raise UserError(f"{path}: not a valid H5MD trajectory: {error}; make or copy it again") from None

    def _read_header(self) -> None:
        group = self._file[GROUP]
        for name in ("position", "velocity"):
            unit = group[name]["value"].attrs["unit"]
            if unit != UNITS[name]:
                raise ValueError(f"{name} has unit {unit!r}, it must be {UNITS[name]!r}")
        self.times: NDArray[np.float64] = group["position/time"][()]
        self.steps: NDArray[np.int64] = group["position/step"][()]
        edges = group["box/edges/value"]
        molecules = group["molecule"][()] if "molecule" in group else None
        self.spec = SystemSpec(
            numbers=group["species"][()].astype(np.int64),
            masses=group["mass"][()].astype(np.float64),
            cell=np.asarray(edges[0] if len(edges) else self._file["trajcast"].attrs["cell"], dtype=np.float64),
            pbc=np.array([b == "periodic" for b in group["box"].attrs["boundary"]]),
            molecules=molecules,
        )
        numbers, n = self.spec.numbers, self.spec.n_atoms
        if len(self.spec.masses) != n or self.spec.cell.shape != (3, 3) or len(self.spec.pbc) != 3:
            raise ValueError(f"species, masses and box are inconsistent: {n} atoms, {len(self.spec.masses)} masses")
        check_atoms(numbers, self.spec.masses, self.spec.cell, self.spec.pbc, str(self.path))
        attributes = self._file["trajcast"].attrs
        check_format(attributes.get("format", "TrajCast trajectory 1"), TRAJECTORY, str(self.path), "make it again")
        self.provenance: dict[str, Any] = provenance_record(json.loads(attributes["provenance"]))
        self.positions = Series(self.path, group["position/value"])
        self.velocities = Series(self.path, group["velocity/value"])
        frames = (len(self.times), n, 3)
        if self.positions.shape != frames or self.velocities.shape != frames:
            raise ValueError(
                f"positions have shape {self.positions.shape} and velocities {self.velocities.shape}, expected {frames}"
            )
        self.cells = Series(self.path, edges)  # (frames, 3, 3) Å; varies only at constant pressure

    def __enter__(self) -> Trajectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.times)

    @property
    def interval_fs(self) -> float:
        """Time between successive frames, fs.

        Raises:
            UserError: If there are fewer than two frames or they are unevenly spaced.
        """
        if len(self) < 2:
            raise UserError(
                f"{self.path}: {len(self)} frame(s); at least 2 are needed to determine the interval: give a longer run"
            )
        steps = np.diff(self.times)
        interval = float(np.median(steps))
        if len(off := np.flatnonzero(~np.isclose(steps, interval, rtol=1e-6, atol=1e-9))):
            raise UserError(
                f"{self.path}: frames are unevenly spaced ({steps.min():g} to {steps.max():g} fs, first between frames "
                f"{off[0]} and {off[0] + 1}); make or copy it again"
            )
        return round(interval, 9)

    def stride(self, interval_fs: float) -> int:
        """Number of frames in `interval_fs`.

        Raises:
            UserError: If `interval_fs` is not a multiple of the interval between frames.
        """
        frames = interval_fs / self.interval_fs
        if round(frames) < 1 or abs(frames - round(frames)) > 1e-6:
            raise UserError(
                f"{interval_fs:g} fs is not a multiple of the saved interval {self.interval_fs:g} fs of {self.path}; "
                "change one of the two"
            )
        return round(frames)

    def state(self, frame: int, dtype: torch.dtype = torch.float64) -> State:
        """State at one frame; negative indices count from the end."""
        frame = range(len(self))[frame]
        return self.spec.state(self.positions[frame], self.velocities[frame], dtype)

    def energy(self, name: str) -> NDArray[np.float64] | None:
        """Energy of each frame, eV, for `name` `potential` or `total`; None if not in the file."""
        key = f"observables/{name}_energy/value"
        return Series(self.path, self._file[key])[()] if key in self._file else None


def write_trajectory_header(
    file: h5py.File, spec: SystemSpec, provenance: Mapping[str, Any], energies: tuple[str, ...] = ()
) -> None:
    """Create an empty H5MD trajectory in `file` for `append_frames`."""
    n = spec.n_atoms
    header = file.create_group("h5md")
    header.attrs["version"] = np.array([1, 1], dtype=np.int32)
    header.create_group("author").attrs["name"] = "TrajCast user"
    creator = header.create_group("creator")
    creator.attrs["name"] = "trajcast"
    creator.attrs["version"] = __version__
    group = file.create_group(GROUP)
    series: Any = {"shape": (0,), "maxshape": (None,), "chunks": (4096,), "fletcher32": True}
    step = group.create_dataset("position/step", dtype="i8", **series)
    time = group.create_dataset("position/time", dtype="f8", **series)
    time.attrs["unit"] = UNITS["time"]
    frames_per_chunk = max(1, 2**18 // (12 * n))

    def element(parent: h5py.Group, name: str, shape: tuple[int, ...], dtype: str, unit: str, chunk: int) -> None:
        new = parent.require_group(name)
        value = new.create_dataset(
            "value", (0, *shape), maxshape=(None, *shape), chunks=(chunk, *shape), dtype=dtype, fletcher32=True
        )
        value.attrs["unit"] = unit
        if "step" not in new:  # H5MD lets elements share their steps and times through hard links
            new["step"], new["time"] = step, time

    element(group, "position", (n, 3), "f4", UNITS["position"], frames_per_chunk)
    element(group, "velocity", (n, 3), "f4", UNITS["velocity"], frames_per_chunk)
    box = group.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = ["periodic" if p else "none" for p in spec.pbc]
    element(box, "edges", (3, 3), "f8", UNITS["position"], 256)
    write_checked(group, "species", spec.numbers)
    write_checked(group, "mass", spec.masses)
    group["mass"].attrs["unit"] = UNITS["mass"]
    if spec.molecules is not None:
        write_checked(group, "molecule", spec.molecules)
    observables = file.create_group("observables")
    for name in energies:
        element(observables, f"{name}_energy", (), "f8", UNITS["energy"], 4096)
    trajcast = file.create_group("trajcast")
    trajcast.attrs["format"] = TRAJECTORY.name
    trajcast.attrs["provenance"] = json.dumps(dict(provenance), sort_keys=True)
    trajcast.attrs["cell"] = spec.cell  # available even without frames


def append_frames(
    file: h5py.File,
    *,
    steps: NDArray[np.int64],
    times: NDArray[np.float64],
    positions: NDArray,
    velocities: NDArray,
    cells: NDArray,
    energies: Mapping[str, NDArray],
) -> None:
    """Append frames (first axis) to a trajectory created by `write_trajectory_header`."""
    group = file[GROUP]

    def extend(dataset: h5py.Dataset, values: NDArray) -> None:
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values

    extend(group["position/step"], steps)
    extend(group["position/time"], times)
    extend(group["position/value"], positions)
    extend(group["velocity/value"], velocities)
    extend(group["box/edges/value"], cells)
    for name, values in energies.items():
        extend(file[f"observables/{name}_energy/value"], values)
