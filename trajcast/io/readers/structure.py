"""Reading a structure with ASE, and refusing what its readers guess, or what the file says and nothing here honours."""

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
NO_CELL_A = 1.0  # CRYST1 with edges of 1 Å stands for no cell in the PDB (molecules, electron microscopy)
HEAD_BYTES = 2**14
ENDING_IN_NUMBERS = ("xyz", "extxyz", "vasp", "aims", "xsf", "gen", "gromacs")  # which a cut shortens


def read_structure(name: str, key: str) -> ase.Atoms:
    """The last frame of a file; UserError, begun with `key`, where it cannot be taken for what it says."""
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
                f"{where}: is a file of LAMMPS, whose types name no elements; take system lammps_input, or write it as "
                "extended XYZ"
            )
        if kind in ENDING_IN_NUMBERS:
            check_ended(path)
        if kind in ("xyz", "extxyz"):
            check_species(path)
        _refuse_half_told(path, kind, where)
        images: Any = read(place, index=":", format=kind, do_not_split_by_at_sign=True)
    except UserError:
        raise
    except UnknownFileTypeError as error:
        raise UserError(
            f"{where}: ASE does not know this kind of file ({said(error)}); write it as extended XYZ"
        ) from None
    except Exception as error:  # each of ASE's readers has errors of its own
        raise UserError(f"{where}: ASE cannot read it ({said(error)}); is it damaged?") from None
    if not images:
        raise UserError(f"{where}: no atoms in it")
    if len(images) > 1:
        log.info("%s: the last of its %d frames is taken", where, len(images))
    atoms = images[-1]
    if kind == "proteindatabank":
        _mend_pdb(atoms, path, where)
    if kind == "gromacs":
        _take_names(atoms, list(atoms.arrays["atomtypes"]), where)
    _refuse_what_is_not_honoured(atoms, where)
    return atoms


def _is_lammps(path: Path) -> bool:
    """Whether this is a dump or a data file, whatever its name."""
    with path.open("rb") as handle:
        head = handle.read(HEAD_BYTES)
    return head.startswith(b"ITEM:") or (b"xlo xhi" in head and b" atoms" in head)


def _refuse_half_told(path: Path, kind: str, where: str) -> None:
    """Symmetry that ASE passes over, elements that it takes from a title, blocks of which it takes the last."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    if kind == "proteindatabank":
        groups = {line[55:66].strip() for line in lines if line.startswith("CRYST1")} - {"", "P 1", "P1", "1"}
        if groups:
            raise UserError(
                f"{where}: has space group {groups.pop()}, of which a PDB holds the asymmetric unit alone; write the "
                "whole cell, as P 1"
            )
    if kind == "res" and any(line[:4] == "SYMM" for line in lines):
        raise UserError(f"{where}: has symmetry operations (SYMM), which are not applied; write the whole cell")
    if kind == "vasp" and len(lines) > 5 and lines[5].split()[:1] and lines[5].split()[0].isdigit():
        raise UserError(f"{where}: line 6 names no elements (VASP 4); write their symbols there, as VASP 5 does")
    if kind == "cif":
        blocks = sum(line.lower().startswith("data_") for line in lines)
        if blocks > 1:
            raise UserError(f"{where}: has {blocks} data blocks; write the one that is meant to a file of its own")
        lower = text.lower()
        if "name_hall" in lower and not any(word in lower for word in ("name_h-m", "it_number", "equiv_pos", "symop")):
            raise UserError(f"{where}: names its space group by a Hall symbol alone; add the symmetry operations")


def _mend_pdb(atoms: ase.Atoms, path: Path, where: str) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line for line in lines if line.startswith(("ATOM", "HETATM"))][-len(atoms) :]
    if not all(row[76:78].strip() for row in rows):
        _take_names(atoms, [row[12:16] for row in rows], where)
    if len(atoms) and np.allclose(atoms.cell.cellpar(), [NO_CELL_A] * 3 + [90] * 3):
        log.info("%s: CRYST1 with edges of 1 Å stands for no cell: the atoms are taken as a molecule in vacuum", where)
        atoms.set_cell(None)
        atoms.set_pbc(False)


def _take_names(atoms: ase.Atoms, names: list[str], where: str) -> None:
    """Elements from names of atoms, which leave no doubt or are refused."""
    symbols = [element_of_name(name) for name in names]
    if None in symbols:
        atom = symbols.index(None)
        raise UserError(
            f"{where}: states no elements, and atom {atom} is called {names[atom].strip()!r}, which may be more than "
            "one or none; give a file with elements: PDB with its columns 77–78, extended XYZ …"
        )
    atoms.set_chemical_symbols(symbols)
    log.info("%s: states no elements; they are taken from the names of the atoms: %s", where, atoms.symbols)


def _refuse_what_is_not_honoured(atoms: ase.Atoms, where: str) -> None:
    if atoms.constraints:
        kinds = ", ".join(sorted({type(constraint).__name__ for constraint in atoms.constraints}))
        raise UserError(
            f"{where}: has constraints or selective dynamics ({kinds}), and atoms are never fixed here, where total "
            "momentum is kept; remove them from the file if all atoms may move"
        )
    shared = {s: o for site in atoms.info.get("occupancy", {}).values() for s, o in site.items() if o < 1}
    occupancy = np.asarray(atoms.arrays.get("occupancy", 1.0), dtype=float)  # of the PDB, where 0 everywhere is unset
    if shared or (np.any(occupancy < 1) and np.any(occupancy > 0)):
        found = shared or {"an atom": float(occupancy[occupancy < 1].max())}
        raise UserError(
            f"{where}: has partly occupied sites ({', '.join(f'{s} {o:g}' for s, o in found.items())}); MD needs whole "
            "atoms: choose one configuration and write it to a file"
        )
    for name in ("initial_charges", "initial_magmoms"):
        if np.any(atoms.arrays.get(name, 0)):
            log.warning("%s: its %s are not used; give them to the calculator where it needs them", where, name)
