"""Reader for structures, with ASE; rejects what ASE guesses or ignores, and what TrajCast does not support."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.io.formats import UnknownFileTypeError, filetype, read

from trajcast.core.elements import element_of_name
from trajcast.core.errors import UserError, said
from trajcast.io.readers.text import check_ended, check_species

log = logging.getLogger(__name__)
NO_CELL_A = 1.0  # a PDB CRYST1 record with edges of 1 Å means no cell (molecules, electron microscopy)
HEAD_BYTES = 2**14
ENDING_IN_NUMBERS = (
    "xyz",
    "extxyz",
    "vasp",
    "aims",
    "xsf",
    "gen",
    "gromacs",
)  # formats in which truncation may shorten the last number


def read_structure(name: str, key: str) -> ase.Atoms:
    """Read the last frame of a structure file.

    Args:
        key: Beginning of error messages: the configuration key.

    Raises:
        UserError: If the file cannot be read, is ambiguous, or contains something that is not supported.
    """
    path = Path(name).expanduser()
    where = f"{key}: {name}"
    if not path.exists():
        raise UserError(f"{where}: no such file")
    if path.is_dir():
        raise UserError(f"{where}: is a folder; name a structure file")
    place = str(path.absolute())
    try:
        kind = filetype(place)
        if kind.startswith("lammps") or _is_lammps(path):
            raise UserError(
                f"{where}: is a LAMMPS file, whose atom types do not name elements; use system lammps_input, or write "
                "it as extended XYZ"
            )
        if kind in ENDING_IN_NUMBERS:
            check_ended(path)
        if kind in ("xyz", "extxyz"):
            check_species(path)
        _refuse_ambiguous(path, kind, where)
        images: Any = read(place, index=":", format=kind, do_not_split_by_at_sign=True)
    except UserError:
        raise
    except UnknownFileTypeError as error:
        raise UserError(
            f"{where}: ASE does not know this kind of file ({said(error)}); write it as extended XYZ"
        ) from None
    except Exception as error:  # ASE's parsers raise all kinds of exceptions
        raise UserError(f"{where}: ASE cannot read it ({said(error)}); is it damaged?") from None
    if not images:
        raise UserError(f"{where}: no atoms in it")
    if len(images) > 1:
        log.info("%s: using the last of its %d frames", where, len(images))
    atoms = images[-1]
    if kind == "proteindatabank":
        _complete_pdb(atoms, path, where)
    if kind == "gromacs":
        _elements_from_names(atoms, list(atoms.arrays["atomtypes"]), where)
    _refuse_unsupported(atoms, where)
    return atoms


def _is_lammps(path: Path) -> bool:
    """True for a LAMMPS dump or data file, whatever its name."""
    with path.open("rb") as handle:
        head = handle.read(HEAD_BYTES)
    return head.startswith(b"ITEM:") or (b"xlo xhi" in head and b" atoms" in head)


def _refuse_ambiguous(path: Path, kind: str, where: str) -> None:
    """Reject symmetry that ASE ignores, VASP 4 files whose elements it takes from the title, and several CIF blocks."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    if kind == "proteindatabank":
        groups = {line[55:66].strip() for line in lines if line.startswith("CRYST1")} - {"", "P 1", "P1", "1"}
        if groups:
            raise UserError(
                f"{where}: has space group {groups.pop()}, but a PDB contains only its asymmetric unit; write the "
                "full cell, as P 1"
            )
    if kind == "res" and any(line[:4] == "SYMM" for line in lines):
        raise UserError(f"{where}: has symmetry operations (SYMM), which are not applied; write the full cell")
    if kind == "vasp" and len(lines) > 5 and lines[5].split()[:1] and lines[5].split()[0].isdigit():
        raise UserError(f"{where}: line 6 names no elements (VASP 4); write their symbols there, as VASP 5 does")
    if kind == "cif":
        blocks = sum(line.lower().startswith("data_") for line in lines)
        if blocks > 1:
            raise UserError(f"{where}: has {blocks} data blocks; write the intended one to a separate file")
        lower = text.lower()
        if "name_hall" in lower and not any(word in lower for word in ("name_h-m", "it_number", "equiv_pos", "symop")):
            raise UserError(f"{where}: gives its space group as a Hall symbol only; add the symmetry operations")


def _complete_pdb(atoms: ase.Atoms, path: Path, where: str) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line for line in lines if line.startswith(("ATOM", "HETATM"))][-len(atoms) :]
    if not all(row[76:78].strip() for row in rows):
        _elements_from_names(atoms, [row[12:16] for row in rows], where)
    if len(atoms) and np.allclose(atoms.cell.cellpar(), [NO_CELL_A] * 3 + [90] * 3):
        log.info("%s: CRYST1 with edges of 1 Å means no cell: treating the atoms as a molecule in vacuum", where)
        atoms.set_cell(None)
        atoms.set_pbc(False)


def _elements_from_names(atoms: ase.Atoms, names: list[str], where: str) -> None:
    """Set elements from atom names; UserError if a name is ambiguous."""
    symbols = [element_of_name(name) for name in names]
    if None in symbols:
        atom = symbols.index(None)
        raise UserError(
            f"{where}: states no elements, and atom {atom} is called {names[atom].strip()!r}, which is ambiguous or "
            "unknown; give a file with elements: PDB with its columns 77–78, extended XYZ …"
        )
    atoms.set_chemical_symbols(symbols)
    log.info("%s: states no elements; derived from atom names: %s", where, atoms.symbols)


def _refuse_unsupported(atoms: ase.Atoms, where: str) -> None:
    if atoms.constraints:
        kinds = ", ".join(sorted({type(constraint).__name__ for constraint in atoms.constraints}))
        raise UserError(
            f"{where}: has constraints or selective dynamics ({kinds}), but fixed atoms are not supported, as total "
            "momentum is conserved; remove them from the file if all atoms may move"
        )
    shared = {s: o for site in atoms.info.get("occupancy", {}).values() for s, o in site.items() if o < 1}
    occupancy = np.asarray(atoms.arrays.get("occupancy", 1.0), dtype=float)  # of a PDB; 0 for all atoms means unset
    if shared or (np.any(occupancy < 1) and np.any(occupancy > 0)):
        partial = shared or {"an atom": float(occupancy[occupancy < 1].max())}
        raise UserError(
            f"{where}: has partially occupied sites ({', '.join(f'{s} {o:g}' for s, o in partial.items())}); MD needs "
            "whole atoms: choose one configuration and write it to a file"
        )
    for name in ("initial_charges", "initial_magmoms"):
        if np.any(atoms.arrays.get(name, 0)):
            log.warning("%s: its %s are not used; give them to the calculator if it needs them", where, name)
