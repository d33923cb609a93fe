"""Data set files: pairs of states one horizon apart, in three splits, with the statistics a model is built from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajcast.core.elements import check_atoms
from trajcast.core.errors import UserError, said
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.io.formats import DATASET, check_format, dataset_spec
from trajcast.io.hdf5 import atomic_hdf5, open_hdf5, write_checked

if TYPE_CHECKING:
    from jaxtyping import Float

SPLITS = ("training", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """States of one split, each with its displacements and velocities one horizon later, all of one system."""

    spec: SystemSpec
    positions: NDArray[np.floating]  # (samples, atoms, 3) Å, unwrapped
    velocities: NDArray[np.float32]  # (samples, atoms, 3) Å/fs
    displacements: NDArray[np.float32]  # (samples, atoms, 3) Å, over one horizon
    new_velocities: NDArray[np.float32]  # (samples, atoms, 3) Å/fs, one horizon later
    frames: NDArray[np.int64]  # (samples,) start frame in the source trajectory
    sources: NDArray[np.int64]  # (samples,) number of the source trajectory
    later_displacements: NDArray[np.float32] | None = None  # (samples, atoms, 3) Å, over the second horizon
    later_velocities: NDArray[np.float32] | None = None  # (samples, atoms, 3) Å/fs, two horizons later

    def __len__(self) -> int:
        return len(self.positions)

    def head(self, count: int) -> Pairs:
        """The first `count` pairs."""
        return Pairs(spec=self.spec, **{name: getattr(self, name)[:count] for name in self.arrays})

    @property
    def arrays(self) -> list[str]:
        """Names of the per-sample arrays that are present."""
        return [f.name for f in fields(self) if f.name != "spec" and getattr(self, f.name) is not None]

    def both_ways(self) -> Pairs:
        """All pairs, followed by their time reversals: from end to start with negated velocities. Exact for NVE."""
        reverse: dict[str, Any] = {
            "positions": self.positions + self.displacements,
            "velocities": -self.new_velocities,
            "displacements": -self.displacements,
            "new_velocities": -self.velocities,
        }
        if self.later_displacements is not None and self.later_velocities is not None:
            reverse = {
                "positions": reverse["positions"] + self.later_displacements,
                "velocities": -self.later_velocities,
                "displacements": -self.later_displacements,
                "new_velocities": -self.new_velocities,
                "later_displacements": -self.displacements,
                "later_velocities": -self.velocities,
            }
        return joined([self, replace(self, **reverse)])

    def batch(
        self, indices: NDArray[np.integer], dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> tuple[State, Float[Tensor, "atoms 3"], Float[Tensor, "atoms 3"]]:
        """Collate the samples at `indices` into one state, with displacements (Å) and new velocities (Å/fs)."""
        systems, spec = len(indices), self.spec

        def atoms(values: NDArray) -> Tensor:
            return torch.as_tensor(values[indices].reshape(-1, 3)).to(device=device, dtype=dtype)

        state = State(
            positions=atoms(self.positions),
            velocities=atoms(self.velocities),
            masses=torch.as_tensor(spec.masses, dtype=dtype, device=device).repeat(systems),
            numbers=torch.as_tensor(spec.numbers, device=device).repeat(systems),
            cell=torch.as_tensor(spec.cell, dtype=dtype, device=device).repeat(systems, 1, 1),
            pbc=torch.as_tensor(spec.pbc, device=device).repeat(systems, 1),
            system_idx=torch.arange(systems, device=device).repeat_interleave(spec.n_atoms),
        )
        return state, atoms(self.displacements), atoms(self.new_velocities)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Concatenate the pairs of all `parts`, which must be of one system."""
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0].arrays}
    return Pairs(spec=parts[0].spec, **whole)


PAIR_UNITS = {"positions": "Angstrom", "velocities": "Angstrom fs-1"}
PAIR_UNITS |= {"displacements": "Angstrom", "new_velocities": "Angstrom fs-1"}
LATER_UNITS = {"later_displacements": "Angstrom", "later_velocities": "Angstrom fs-1"}  # only in data sets of two steps


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Statistics of the training split over all samples and atoms, per Cartesian component unless noted otherwise."""

    displacement_rms: float  # Å
    velocity_rms: float  # Å/fs, of the new velocities
    speed_rms: dict[int, float]  # Å/fs, by atomic number; of the speed, i.e. all three components


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set in memory."""

    horizon_fs: float
    time_reversed: bool = False  # also train on the time-reversed pairs
    spec: SystemSpec
    statistics: Statistics
    splits: Mapping[str, Pairs]
    provenance: Mapping[str, Any]  # settings, versions, and `sources`: file, split, fingerprint of each trajectory

    def split(self, name: str) -> Pairs:
        """The pairs of `training`, `validation` or `test`."""
        return self.splits[name]


def write_dataset(path: Path | str, dataset: Dataset) -> None:
    """Write a data set atomically."""
    with atomic_hdf5(path) as file:
        file.attrs["format"] = DATASET.name
        file.attrs["horizon_fs"] = dataset.horizon_fs
        file.attrs["time_reversed"] = dataset.time_reversed
        file.attrs["provenance"] = json.dumps(dict(dataset.provenance), sort_keys=True)
        spec = file.create_group("spec")
        for name in ("numbers", "masses", "cell", "pbc", "molecules"):
            if (value := getattr(dataset.spec, name)) is not None:
                write_checked(spec, name, value)
        statistics = file.create_group("statistics")
        for name in ("displacement_rms", "velocity_rms"):
            statistics.attrs[name] = getattr(dataset.statistics, name)
        write_checked(statistics, "numbers", list(dataset.statistics.speed_rms))
        write_checked(statistics, "speed_rms", list(dataset.statistics.speed_rms.values()))
        for split, pairs in dataset.splits.items():
            group = file.create_group(split)
            for name, unit in (PAIR_UNITS | LATER_UNITS).items():
                if (values := getattr(pairs, name)) is not None:
                    write_checked(group, name, np.asarray(values, dtype=np.float32)).attrs["unit"] = unit
            write_checked(group, "frames", pairs.frames)
            write_checked(group, "sources", pairs.sources)


def read_dataset(path: Path | str) -> Dataset:
    """Read a data set into memory.

    Raises:
        UserError: The file is missing, damaged or not a data set.
    """
    with open_hdf5(path, "a readable data set", "; make it with `trajcast dataset`") as file:
        try:
            check_format(file.attrs.get("format"), DATASET, str(path), "make it with `trajcast dataset`")
            return _read(file)
        except UserError:
            raise
        except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged data set: {said(error)}; make it again with `trajcast dataset`") from None


def _read(file: h5py.File) -> Dataset:
    group, statistics = dataset_spec(file), file["statistics"]
    spec = SystemSpec(
        numbers=group["numbers"][()],
        masses=group["masses"][()],
        cell=group["cell"][()],
        pbc=group["pbc"][()],
        molecules=group["molecules"][()] if "molecules" in group else None,
    )
    check_atoms(spec.numbers, spec.masses, spec.cell, spec.pbc, file.filename)
    names = [*PAIR_UNITS, *(name for name in LATER_UNITS if name in file["training"]), "frames", "sources"]
    return Dataset(
        horizon_fs=float(file.attrs["horizon_fs"]),
        time_reversed=bool(file.attrs.get("time_reversed", False)),
        spec=spec,
        statistics=Statistics(
            displacement_rms=float(statistics.attrs["displacement_rms"]),
            velocity_rms=float(statistics.attrs["velocity_rms"]),
            speed_rms=dict(zip(statistics["numbers"][()].tolist(), statistics["speed_rms"][()].tolist(), strict=True)),
        ),
        splits={s: Pairs(spec=spec, **{n: file[s][n][()] for n in names if n in file[s]}) for s in SPLITS},
        provenance=json.loads(file.attrs["provenance"]),
    )
