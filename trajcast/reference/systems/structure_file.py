"""A user's own system: any structure file that ASE reads, with the forces of an ASE calculator.

Hjorth Larsen et al. 2017, doi:10.1088/1361-648X/aa680e.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, get_calculator_class
from numpy.typing import NDArray
from pydantic import Field

from trajcast.config.schema import Section
from trajcast.config.settings import Count
from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.io.readers.structure import read_structure

log = logging.getLogger(__name__)
KEYS = "reference.parameters"


class Parameters(Section):
    """`reference.parameters` of this system.

    `calculator` is a name that ASE knows, or `module:function` (or class) from any importable module, including those
    in the working directory; `arguments` are its keyword arguments. It is omitted if `reference.potential` is set.
    """

    structure_file: str
    supercell: Annotated[list[Count], Field(min_length=3, max_length=3, default_factory=lambda: [1, 1, 1])]
    calculator: str | None = None
    arguments: Annotated[dict[str, Any], Field(default_factory=dict)]


def structure(parameters: Parameters, seed: int) -> tuple[SystemSpec, NDArray[np.float64]]:
    """Specification and positions (Å) of the last frame in the file, independent of the seed.

    A periodic structure is rotated so that its first lattice vector is along x and the second in the xy plane.
    """
    path = parameters.structure_file
    atoms = read_structure(path, f"{KEYS}.structure_file")
    if not len(atoms) or not atoms.numbers.all():
        raise UserError(
            f"{KEYS}.structure_file: {path} has no atoms, or atoms without an element; give every atom an element"
        )
    if atoms.pbc.any() != atoms.pbc.all() or (atoms.pbc.all() and atoms.cell.rank < 3):
        raise UserError(
            f"{KEYS}.structure_file: {path} is periodic along {int(atoms.pbc.sum())} directions with {atoms.cell.rank} "
            "lattice vectors; give it a whole cell (with a layer of vacuum if needed), or none at all"
        )
    if not atoms.pbc.all() and parameters.supercell != [1, 1, 1]:
        raise UserError(f"{KEYS}.supercell: {path} has no cell that could be repeated; leave supercell out")
    atoms = atoms.repeat(parameters.supercell)
    cell, positions = np.zeros((3, 3)), atoms.positions
    if atoms.pbc.all():
        if atoms.cell.handedness < 0:
            atoms.set_cell(-atoms.cell.array)  # the same lattice, right-handed
        standard, rotation = atoms.cell.standard_form()
        cell, positions = np.tril(standard.array), positions @ rotation.T
    return SystemSpec(
        numbers=atoms.numbers.astype(np.int64), masses=atoms.get_masses(), cell=cell, pbc=atoms.pbc
    ), positions


def calculator(parameters: Parameters) -> BaseCalculator:
    """A new calculator; UserError if the name is unknown or the arguments are rejected."""
    if parameters.calculator is None:
        raise UserError(f"{KEYS}.calculator: missing; name an ASE calculator, or a potential in reference.potential")
    make = _maker(parameters.calculator)
    try:
        made = make(**parameters.arguments)
    except Exception as error:  # calculators raise errors of any kind
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"{KEYS}.arguments: the calculator {parameters.calculator} rejects {parameters.arguments}: {message}"
        ) from None
    if not isinstance(made, BaseCalculator):
        raise UserError(
            f"{KEYS}.calculator: {parameters.calculator} gives a {type(made).__name__}, not an ASE calculator; "
            "name a class or a function that returns one"
        )
    known, accepted = (getattr(made, name, {}) for name in ("default_parameters", "parameters"))
    for name in parameters.arguments:
        if known and name in accepted and name not in known:  # many ASE calculators ignore unknown parameters
            log.warning("%s is not among the parameters of %s (%s)", name, type(made).__name__, ", ".join(known))
    return made


def _maker(name: str) -> Callable[..., Any]:
    """The class or function with this name."""
    module, colon, function = name.partition(":")
    try:
        if not colon:
            return get_calculator_class(name)
        if "" not in sys.path:
            sys.path.append("")  # the working directory, after all other paths
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"{KEYS}.calculator: no {name!r} here ({error}); write a name that ASE knows, such as emt, or "
            "module:function of an installed package or of a file in the folder you start from"
        ) from None
