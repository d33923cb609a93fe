"""A user's own system: a LAMMPS data file and the input that defines its force field.

LAMMPS itself reads and writes the data file, which preserves everything that a force field stores there: charges,
bonds, coefficients, type labels.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from trajcast.config.schema import Section
from trajcast.core.elements import ROUNDING_U
from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.io.readers.lammps_data import data_sections, read_text
from trajcast.io.readers.lammps_input import ForceField, read_input
from trajcast.reference.engines._lammps import Instance
from trajcast.reference.systems._element_order import check_element_order

ATOM_STYLES = ("atomic", "charge", "bond", "angle", "molecular", "full")  # state: position and velocity only
MAP = "atom_modify map yes\n"


class Parameters(Section):
    """`reference.parameters` of this system."""

    input_file: str
    elements: Annotated[list[str], Field(min_length=1)]  # one per atom type, in order


def structure(parameters: Parameters, seed: int) -> tuple[SystemSpec, NDArray[np.float64]]:
    """Specification and positions (Å) of the data file, with molecules made whole, independent of the seed."""
    field = read_input(parameters.input_file)
    with _atoms(field) as lammps:
        pbc = lammps.pbc()
        if pbc.any() != pbc.all():
            raise UserError(
                f"{parameters.input_file}: periodic in {int(pbc.sum())} directions of 3; choose boundary p p p "
                "(with a layer of vacuum if needed), or s s s for a molecule in vacuum"
            )
        origin, cell = lammps.box() if pbc.all() else (np.zeros(3), np.zeros((3, 3)))
        positions = lammps.gather("x", 1) - origin + lammps.gather("image", 0) @ cell
        types, masses, bonds = lammps.gather("type", 0, 1)[:, 0] - 1, lammps.type_masses(), lammps.bonds()
    numbers = _numbers(parameters, masses)
    check_element_order(field, parameters.elements, parameters.input_file)
    whole, molecules = _whole(positions, bonds, cell)
    return SystemSpec(
        numbers=numbers[types],
        masses=masses[types],
        cell=cell,
        pbc=pbc,
        molecules=molecules if len(bonds) else None,
    ), whole


def lammps_styles(parameters: Parameters) -> str:
    """LAMMPS commands before the box is created."""
    return read_input(parameters.input_file).before + MAP


def lammps_interactions(parameters: Parameters) -> str:
    """LAMMPS commands that define the force field after the atoms are read."""
    return read_input(parameters.input_file).after


def lammps_data(parameters: Parameters, spec: SystemSpec, positions: NDArray[np.float64]) -> str:
    """The user's data file with these positions and this cell; for a supercell, with the bonds and angles of each copy.

    Raises:
        UserError: If the atoms are not those of the data file in order, or a bonded network spans the cell to be
            repeated.
    """
    unit, start = structure(parameters, 1)
    field = read_input(parameters.input_file)
    original = read_text(field.data_file)
    copies = _copies(parameters, unit, spec)
    with _atoms(field) as lammps, tempfile.TemporaryDirectory() as folder:
        if max(copies) > 1:
            _check_repeatable(parameters, start, lammps.bonds(), unit.cell)
        for axis in (2, 1, 0):  # one axis at a time gives the order of trajcast.core.geometry.replicate
            lammps.commands(f"replicate {' '.join(str(copies[axis] if a == axis else 1) for a in range(3))}")
        if spec.pbc.any():
            lammps.commands(_box(spec.cell))
        lammps.scatter_positions(positions)
        path = Path(folder) / "atoms.data"
        lammps.commands(f'write_data "{path}" nocoeff')  # LAMMPS would round the coefficients
        header, sections = data_sections(path.read_text(encoding="utf-8"))
    coefficients = [section for section in data_sections(original)[1] if section.heading.endswith("Coeffs")]
    kept = [section for section in sections if section.heading != "Velocities"]
    return "\n\n".join([header, *(section.text for section in (*kept, *coefficients))]) + "\n\n"


@contextlib.contextmanager
def _atoms(field: ForceField) -> Iterator[Instance]:
    """A LAMMPS instance with the atoms of the data file and their force field."""
    with Instance(None, field.before + MAP) as lammps:
        if lammps.atom_style not in ATOM_STYLES:
            raise UserError(
                f"{field.file}: atom_style {lammps.atom_style} has state other than positions and velocities; "
                f"use one of: {', '.join(ATOM_STYLES)}"
            )
        try:
            lammps.read_data(field.data_file, field.after)
        except UserError as error:
            raise UserError(f"{field.file} with {field.data_file}: {error}; correct one of them") from None
        yield lammps


def _numbers(parameters: Parameters, masses: NDArray[np.float64]) -> NDArray[np.int64]:
    """Atomic number of each type; UserError if `elements` has the wrong length or order, or an unknown symbol."""
    elements = parameters.elements
    if len(elements) != len(masses):
        raise UserError(
            f"reference.parameters.elements: {len(elements)} elements ({', '.join(elements)}) for the {len(masses)} "
            f"atom types of {parameters.input_file}; name the element of each type, in order"
        )
    if unknown := [element for element in elements if element not in atomic_numbers]:
        raise UserError(f"reference.parameters.elements: {unknown[0]!r} is not an element; write a symbol such as Ar")
    numbers = np.array([atomic_numbers[element] for element in elements])
    for kind, mass in enumerate(masses):  # implausible masses are checked later, for all systems
        deviation, deviations = abs(mass - atomic_masses[numbers[kind]]), np.abs(mass - atomic_masses[numbers])
        if deviation > ROUNDING_U and deviations.min() < ROUNDING_U:
            raise UserError(
                f"reference.parameters.elements: type {kind + 1} is {elements[kind]}, but its mass {mass:g} u is that "
                f"of {elements[int(deviations.argmin())]}; name the elements in the order of the atom types"
            )
    return numbers


def _whole(
    positions: NDArray[np.float64], bonds: NDArray[np.int64], cell: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Positions with molecules made whole across periodic boundaries, and the molecule index of each atom."""
    n = len(positions)
    graph = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(n, n)).tocsr()
    molecules = connected_components(graph, directed=False)[1]
    positions, inverse = positions.copy(), np.linalg.pinv(cell)
    for first in np.unique(molecules, return_index=True)[1]:
        order, parent = breadth_first_order(graph, first, directed=False)
        for atom in order[1:]:
            apart = positions[atom] - positions[parent[atom]]
            positions[atom] -= np.round(apart @ inverse) @ cell
    return positions, molecules.astype(np.int64)


def _copies(parameters: Parameters, unit: SystemSpec, spec: SystemSpec) -> list[int]:
    """Repetitions of the data file's cell along each lattice vector; UserError if the atoms do not match."""
    copies = [1, 1, 1]
    if unit.pbc.any():
        lengths = np.linalg.norm(spec.cell, axis=1) / np.linalg.norm(unit.cell, axis=1)
        copies = np.maximum(1, lengths.round()).astype(int).tolist()
    if not np.array_equal(spec.numbers, np.tile(unit.numbers, math.prod(copies))):
        raise UserError(
            f"system lammps_input: the {spec.n_atoms} atoms are not those of {parameters.input_file} in order "
            f"({unit.n_atoms}, or whole copies of them); reorder them or change the system"
        )
    return copies


def _check_repeatable(
    parameters: Parameters, positions: NDArray[np.float64], bonds: NDArray[np.int64], cell: NDArray[np.float64]
) -> None:
    """UserError if a bond still crosses the boundary after molecules are made whole: it would lead to another copy."""
    apart = (positions[bonds[:, 0]] - positions[bonds[:, 1]]) @ np.linalg.inv(cell)
    if np.any(np.abs(apart) > 0.5):
        raise UserError(
            f"{parameters.input_file}: bonds run through the whole cell, so it cannot be repeated; "
            "set rollout.supercell to [1, 1, 1], or provide a data file of the larger cell"
        )


def _box(cell: NDArray[np.float64]) -> str:
    """Commands that give the box these lattice vectors (rows; lower triangular) with its corner at the origin."""
    sides = [f"{axis} final 0.0 {float(length)!r}" for axis, length in zip("xyz", np.diag(cell), strict=True)]
    if np.any(cell != np.diag(np.diag(cell))):
        tilts = (("xy", cell[1, 0]), ("xz", cell[2, 0]), ("yz", cell[2, 1]))
        sides += [f"{name} final {float(tilt)!r}" for name, tilt in tilts]
    return f"change_box all {' '.join(sides)} units box\nset group all image 0 0 0"
