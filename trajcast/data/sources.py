"""Reading a trajectory from H5MD, from any file that ASE reads, or with MDAnalysis where a topology is given."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.data import lammps_dump
from trajcast.data.frames import Frames, agreed_interval, constant_cell, even_interval
from trajcast.data.unwrap import unwrap
from trajcast.errors import UserError
from trajcast.trajectory import GROUP, Topology, Trajectory
from trajcast.units import PS


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What files may not say by themselves."""

    interval_fs: float | None = None  # time between frames
    lammps_units: str | None = None  # unit style of LAMMPS dumps
    topology: Path | None = None  # names and masses, for MDAnalysis


def read_frames(path: Path, reading: Reading) -> Frames:
    """All frames of a trajectory, unwrapped, in Å and Å/fs.

    With `reading.topology` MDAnalysis reads the file; else H5MD files must be TrajCast's, the others are ASE's.
    UserError when the file is damaged, lacks velocities or a known interval, or its cell changes.
    """
    if reading.topology is not None:
        return _mdanalysis_frames(path, reading.topology, reading)
    if path.suffix in (".h5md", ".h5"):
        return _h5md_frames(path, reading)
    return _ase_frames(path, reading)


def _h5md_frames(path: Path, reading: Reading) -> Frames:
    with Trajectory(path) as trajectory:
        try:
            cells = trajectory.positions.file[GROUP]["box/edges/value"][()]
            positions, velocities = trajectory.positions[()], trajectory.velocities[()]
        except OSError as error:
            raise UserError(f"{path}: frames cannot be read (truncated or damaged?): {error}") from None
        constant_cell(path, cells)
        return Frames(
            path=path,
            topology=trajectory.topology,
            interval_fs=agreed_interval(path, trajectory.interval_fs, reading.interval_fs),
            positions=positions,
            velocities=velocities,
        )


def _ase_frames(path: Path, reading: Reading) -> Frames:
    import ase.io
    import ase.units

    options: dict[str, Any] = {}
    times = None
    if lammps_dump.is_lammps_dump(path):
        facts = lammps_dump.read_dump_facts(path)
        units = lammps_dump.dump_units(path, facts, reading.lammps_units)
        times = lammps_dump.dump_times_fs(path, facts, units)
        options = {"format": "lammps-dump-text", "units": units}
    try:
        images: list[Any] = list(ase.io.iread(path, index=":", **options))
    except Exception as error:  # its parsers raise whatever they stumble over
        raise UserError(f"{path}: ASE cannot read it ({type(error).__name__}: {error}); is it damaged?") from None
    if len(images) < 2:
        raise UserError(f"{path}: {len(images)} frame(s); pairs need at least 2")
    first = images[0]
    for frame, image in enumerate(images):
        if not np.array_equal(image.numbers, first.numbers):
            raise UserError(f"{path}: the atoms of frame {frame} are not those of frame 0; cut off broken frames")
        if not image.has("momenta"):
            raise UserError(
                f"{path}: frame {frame} has no velocities (ASE's array `momenta`; found: {', '.join(image.arrays)}); "
                "write them with Atoms.set_velocities"
            )
    return _assemble(
        path,
        Topology(
            numbers=first.numbers.astype(np.int64),
            masses=first.get_masses(),
            cell=np.array(first.cell) * first.pbc[:, None],
            periodic=np.array(first.pbc),
        ),
        positions=np.stack([image.positions for image in images]),
        velocities=np.stack([image.get_velocities() for image in images]) * ase.units.fs,
        cells=np.stack([np.array(image.cell) for image in images]),
        times_fs=times,
        reading=reading,
    )


def _mdanalysis_frames(path: Path, topology: Path, reading: Reading) -> Frames:
    import MDAnalysis as mda
    from ase.data import atomic_numbers
    from MDAnalysis.lib.mdamath import triclinic_vectors

    frames: list[tuple[NDArray, NDArray, NDArray]] = []
    times: list[float] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing attributes are asked for below
            universe = mda.Universe(topology, path, to_guess=("types", "masses", "elements"))
            for step in universe.trajectory:
                if not step.has_velocities:
                    raise UserError(f"{path}: frame {step.frame} has no velocities; save them")
                cell = np.zeros((3, 3)) if step.dimensions is None else triclinic_vectors(step.dimensions)
                frames.append((step.positions.copy(), step.velocities / PS, cell.astype(np.float64)))
                if "time" in step.data:
                    times.append(step.time * PS)
    except UserError:
        raise
    except Exception as error:  # its parsers raise whatever they stumble over
        raise UserError(
            f"{path} with {topology}: MDAnalysis cannot read it ({type(error).__name__}: {error}); is it damaged?"
        ) from None
    unknown = [atom for atom in universe.atoms if atom.element not in atomic_numbers or not atom.mass > 0]
    if unknown:
        raise UserError(f"{topology}: element and mass of atom {unknown[0].ix} are unknown; give a topology with both")
    positions, velocities, cells = (np.stack(arrays) for arrays in zip(*frames, strict=True))
    periodic = np.abs(cells[0]).sum(axis=1) > 0
    return _assemble(
        path,
        Topology(
            numbers=np.array([atomic_numbers[element] for element in universe.atoms.elements]),
            masses=universe.atoms.masses.astype(np.float64),
            cell=cells[0],
            periodic=periodic,
        ),
        positions=positions,
        velocities=velocities,
        cells=cells,
        times_fs=np.array(times) if len(times) == len(frames) else None,
        reading=reading,
    )


def _assemble(
    path: Path,
    topology: Topology,
    *,
    positions: NDArray,
    velocities: NDArray,
    cells: NDArray,
    times_fs: NDArray | None,
    reading: Reading,
) -> Frames:
    constant_cell(path, cells)
    stated = None if times_fs is None else even_interval(path, times_fs)
    return Frames(
        path=path,
        topology=topology,
        interval_fs=agreed_interval(path, stated, reading.interval_fs),
        positions=unwrap(path, positions, topology.cell, topology.periodic),
        velocities=velocities,
    )
