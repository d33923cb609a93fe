"""Reader for all formats with velocities that MDAnalysis supports, with a topology that gives elements and masses."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.core.elements import elements_of_masses
from trajcast.core.errors import UserError, said
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.frames import Frames, Reading, even_interval
from trajcast.io.readers.assembly import assembled
from trajcast.io.readers.text import symbols_to_numbers

log = logging.getLogger(__name__)


def read(path: Path, reading: Reading) -> Frames:
    """Read all frames.

    Raises:
        UserError: If the files cannot be read, or if velocities are missing or elements unknown.
    """
    import MDAnalysis as mda
    from MDAnalysis.lib.mdamath import triclinic_vectors

    topology = reading.topology
    assert topology is not None
    with path.open("rb") as handle:
        if handle.read(5) == b"ITEM:":
            raise UserError(f"{path}: is a LAMMPS dump, whose units MDAnalysis does not know; leave --topology out")
    if not topology.is_file():
        raise UserError(f"--topology {topology}: no such file")
    folder = ""
    frames: list[tuple[NDArray, NDArray, NDArray]] = []
    times: list[float] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing attributes are handled below
            with TemporaryDirectory() as folder:  # symbolic links: MDAnalysis writes files beside its inputs
                links = [
                    _linked(file, Path(folder) / kind) for kind, file in (("topology", topology), ("frames", path))
                ]
                universe = mda.Universe(*links, to_guess=())
                for step in universe.trajectory:
                    if not step.has_velocities:
                        raise UserError(
                            f"{path}: frame {step.frame} has no velocities; save them (XTC and DCD cannot hold them, "
                            "TRR and NetCDF can)"
                        )
                    cell = np.zeros((3, 3)) if step.dimensions is None else triclinic_vectors(step.dimensions)
                    frames.append((step.positions.copy(), step.velocities / PS, cell.astype(np.float64)))
                    if "time" in step.data:
                        times.append(step.time * PS)
                universe.trajectory.close()
    except UserError:
        raise
    except Exception as error:  # MDAnalysis' parsers raise all kinds of exceptions
        reason = said(error).replace(f"{folder}/frames/", "").replace(f"{folder}/topology/", "")
        raise UserError(
            f"{path} with {topology}: MDAnalysis cannot read them ({reason}); do they belong together, and are they "
            "complete?"
        ) from None
    if not frames:
        raise UserError(f"{path}: no frames in it")
    numbers, masses = _atoms(topology, universe.atoms)
    positions, velocities, cells = (np.stack(arrays) for arrays in zip(*frames, strict=True))
    pbc = np.abs(cells[0]).sum(axis=1) > 0
    return assembled(
        path,
        SystemSpec(numbers=numbers, masses=masses, cell=cells[0], pbc=pbc),
        positions=positions,
        velocities=velocities,
        cells=cells,
        interval_fs=_interval(path, times) if len(times) == len(frames) else None,
        reading=reading,
    )


def _linked(file: Path, folder: Path) -> str:
    """Link the file into a new folder, under a name that keeps only its suffixes."""
    folder.mkdir()
    link = folder / f"file{''.join(file.suffixes[-2:])}"
    link.symlink_to(file.absolute())
    return str(link)


def _interval(path: Path, times_fs: list[float]) -> float | None:
    """Time between frames, fs; most formats store times in single precision."""
    times = np.array(times_fs)
    return even_interval(path, times, rounding_fs=float(np.spacing(np.float32(np.abs(times).max()))))


def _atoms(topology: Path, atoms: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atomic numbers and masses (u) from the topology; nothing is guessed from atom names such as CA, MN or HO."""
    elements, masses = (getattr(atoms, name) if hasattr(atoms, name) else None for name in ("elements", "masses"))
    if masses is not None:
        masses = np.asarray(masses, dtype=np.float64)
    if elements is not None and all(str(element).strip() for element in elements):
        symbols = np.array([str(element).strip().capitalize() for element in elements])
        numbers = symbols_to_numbers(topology, symbols, "give a topology with elements")
    elif elements is not None and any(str(element).strip() for element in elements):
        atom = next(i for i, element in enumerate(elements) if not str(element).strip())
        raise UserError(f"{topology}: atom {atom} has no element, or an invalid one; give a topology with all elements")
    elif masses is not None:
        numbers = elements_of_masses(masses, str(topology), "give a topology with elements")
    else:
        raise UserError(
            f"{topology}: contains neither elements nor masses, and elements are not guessed from atom names (CA may "
            "be carbon or calcium); give a topology with them: a PDB with its columns 77–78, TPR, PSF, prmtop …"
        )
    if masses is None:
        from ase.data import atomic_masses

        masses = atomic_masses[numbers]
        log.info("%s: contains no masses; using standard masses", topology)
    return numbers.astype(np.int64), masses
