"""Reading a trajectory, whatever file it is in: the one way in for all that are not only looked at frame by frame."""

from __future__ import annotations

from pathlib import Path

from ase.io.formats import open_with_compression

from trajcast.core.elements import check_atoms
from trajcast.core.errors import UserError
from trajcast.data.motion import examine_motion
from trajcast.io.frames import Frames, Reading, check_finite
from trajcast.io.path_checks import HDF5
from trajcast.io.readers import ase_file, h5md, lammps_dump, mdanalysis

__all__ = ["Frames", "Reading", "read_frames"]


def read_frames(path: Path, reading: Reading) -> Frames:
    """All frames of a trajectory, unwrapped, in Å and Å/fs, after all checks that any trajectory must pass.

    With `reading.spec` MDAnalysis reads the file; else H5MD files must be TrajCast's, the others are ASE's.
    UserError when the file is damaged, lacks velocities or a known interval, its cell changes, or its positions and
    velocities cannot belong together.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name the trajectory in it")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    frames = _reader(path, reading).read(path, reading)
    spec = frames.spec
    check_atoms(spec.numbers, spec.masses, spec.cell, spec.pbc, str(path))
    if spec.n_atoms < 2:
        raise UserError(f"{path}: 1 atom, which keeps its velocity for ever; give a system of at least two")
    if len(frames) < 2:
        raise UserError(f"{path}: {len(frames)} frame(s); pairs need at least 2: give a longer run")
    check_finite(frames)
    if "motion" not in reading.accept:
        examine_motion(frames, reading.accept)
    return frames


def _reader(path: Path, reading: Reading):  # type: ignore[no-untyped-def]  # a module
    if reading.topology is not None:
        return mdanalysis
    with path.open("rb") as handle:
        hdf5 = handle.read(len(HDF5)) == HDF5
    if hdf5 or path.suffix in (".h5md", ".h5"):
        return h5md
    try:
        with open_with_compression(str(path), "rb") as handle:
            dump = handle.read(5) == b"ITEM:"
    except (EOFError, OSError) as error:
        raise UserError(f"{path}: cannot be read ({error}); is it damaged or cut off?") from None
    return lammps_dump if dump else ase_file
