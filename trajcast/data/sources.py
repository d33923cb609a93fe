"""Single entry point for reading a whole trajectory in any supported format."""

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
    """Read all frames of a trajectory, unwrapped, in Å and Å/fs, and check them.

    With `reading.topology`, MDAnalysis reads the file. Otherwise H5MD files must be TrajCast's own, LAMMPS dumps are
    recognised by their content, and ASE reads all other files.

    Raises:
        UserError: The file is damaged, lacks velocities or a known interval, its cell changes, or its positions and
            velocities are inconsistent.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name the trajectory in it")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    frames = _reader(path, reading).read(path, reading)
    spec = frames.spec
    check_atoms(spec.numbers, spec.masses, spec.cell, spec.pbc, str(path))
    if spec.n_atoms < 2:
        raise UserError(f"{path}: 1 atom, which never changes its velocity; give a system of at least two atoms")
    if len(frames) < 2:
        raise UserError(f"{path}: {len(frames)} frame(s); pairs need at least 2: give a longer run")
    check_finite(frames)
    if "motion" not in reading.accept:
        examine_motion(frames, reading.accept)
    return frames


def _reader(path: Path, reading: Reading):  # type: ignore[no-untyped-def]  # returns a module
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
