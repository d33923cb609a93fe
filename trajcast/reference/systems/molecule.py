"""Paracetamol (acetaminophen, C₈H₉NO₂) in vacuum with OPLS-AA, set up with Moltemplate.

Jorgensen, Ghahremanpour, Saar & Tirado-Rives 2024, doi:10.1021/acs.jpcb.3c06602. `paracetamol/README.md` says how the
files there were made.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings, Section
from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import KCAL_PER_MOL
from trajcast.reference.published import Published

FILES = Path(__file__).parent / "paracetamol"
NUMBER = {12.011: 6, 14.007: 7, 15.999: 8, 1.008: 1}  # atomic number by mass
AMIDE = [4, 3, 1, 0]  # C(ring)–N–C(=O)–C(methyl), counted from 0
CUTOFF_A = 50.0  # longer than the molecule: all pairs interact


class Parameters(Section):
    """This system has no parameters."""


def structure(parameters: Parameters, seed: int) -> tuple[SystemSpec, NDArray[np.float64]]:
    """Specification and positions (Å) of the relaxed molecule, independent of the seed."""
    text = _data_file()
    mass_of = {int(row[0]): float(row[1]) for row in _rows(text, "Masses")}
    atoms = sorted(_rows(text, "Atoms"), key=lambda row: int(row[0]))
    masses = np.array([mass_of[int(row[2])] for row in atoms])
    spec = SystemSpec(
        numbers=np.array([NUMBER[mass] for mass in masses.tolist()]),
        masses=masses,
        cell=np.zeros((3, 3)),
        pbc=np.zeros(3, dtype=bool),
        molecules=np.zeros(len(atoms), dtype=np.int64),
    )
    return spec, np.array([row[4:7] for row in atoms], dtype=np.float64)


def lammps_styles(parameters: Parameters) -> str:
    """LAMMPS commands before the box is created."""
    return "units real\nboundary s s s\natom_style full\n"


def lammps_data(parameters: Parameters, spec: SystemSpec, positions: NDArray[np.float64]) -> str:
    """LAMMPS data file with the atoms at these positions; UserError if they are not those of the molecule in order."""
    expected = structure(parameters, 1)[0]
    if not np.array_equal(spec.numbers, expected.numbers) or spec.pbc.any():
        raise UserError(
            "system molecule: the atoms must be those of one paracetamol molecule without a periodic box, in the order "
            f"of {FILES / 'molecule.data'}; reorder them or change the system"
        )
    before, atoms, after = _section(_data_file(), "Atoms")
    rows = [line.split() for line in atoms.splitlines() if line.strip()]
    moved = [" ".join([*row[:4], *(repr(float(x)) for x in positions[int(row[0]) - 1])]) for row in rows]
    low, high = float(np.min(positions)) - 1, float(np.max(positions)) + 1  # LAMMPS shrinks the box to the atoms
    before = "\n".join(_box_line(line, low, high) for line in before.split("\n"))
    return before + "\n\n" + "\n".join(moved) + "\n\n" + after


def lammps_interactions(parameters: Parameters) -> str:
    """LAMMPS commands that define the force field after the atoms are read."""
    return f"""\
pair_style lj/cut/coul/cut {CUTOFF_A}
pair_modify mix geometric
special_bonds lj/coul 0.0 0.0 0.5
bond_style harmonic
angle_style harmonic
dihedral_style opls
improper_style cvff
{(FILES / "opls_aa.in").read_text(encoding="utf-8")}\
neighbor 2.0 nsq
neigh_modify every 1 delay 10 check yes
"""


def literature(settings: ReferenceSettings, folder: Path) -> list[Published]:
    """Planarity of the relaxed molecule and rotational barrier about its amide bond."""
    from trajcast.reference.engines.lammps import relaxed

    spec, start = structure(Parameters(), settings.seed)
    positions, lowest = relaxed(settings, spec, start)
    heavy = positions[spec.numbers > 1]
    singular = np.linalg.svd(heavy - heavy.mean(axis=0), compute_uv=False)
    energies = []
    for angle in np.arange(180.0, -1.0, -5.0).tolist():  # from trans to cis, each from the previous geometry
        positions, energy = relaxed(settings, spec, positions, (AMIDE, angle))
        energies.append(energy)
    return [
        Published(
            quantity="RMS distance of C, N and O from their plane (relaxed)",
            unit="Å",
            value=float(singular[-1] / np.sqrt(len(heavy))),
            error=None,
            published=0.0,
            published_error=None,
            source="formanilide, rotational spectrum: planar; Aviles Moreno, Huet & Petitprez 2006, J. Mol. Struct.",
        ),
        Published(
            quantity="Rotational barrier about the amide C–N bond (relaxed scan)",
            unit="kcal/mol",
            value=(max(energies) - lowest) / KCAL_PER_MOL,
            error=None,
            published=16.5,
            published_error=4.5,
            source="N-arylamides, B3LYP: range 12 to 21, given as midpoint ± half-width; doi:10.1002/qua.23151",
        ),
    ]


def _data_file() -> str:
    return (FILES / "molecule.data").read_text(encoding="utf-8")


def _section(text: str, title: str) -> tuple[str, str, str]:
    """The text up to and including the title of a section, its rows, and the rest."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.split("#")[0].strip() == title) + 1
    end = next((i for i, line in enumerate(lines) if i > start and line[:1].isalpha()), len(lines))
    return "\n".join(lines[:start]), "\n".join(lines[start:end]), "\n".join(lines[end:])


def _rows(text: str, title: str) -> list[list[str]]:
    return [line.split() for line in _section(text, title)[1].splitlines() if line.strip()]


def _box_line(line: str, low: float, high: float) -> str:
    return f"{low!r} {high!r} {' '.join(line.split()[2:])}" if line.rstrip().endswith("hi") else line
