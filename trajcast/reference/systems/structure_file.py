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

    `calculator` is a name that ASE knows, or `module:function` (or class) of any module that can be imported, also
    from the folder one starts in; `arguments` are its keyword arguments. With `reference.potential` there is none.
    """

    structure_file: str
    supercell: Annotated[list[Count], Field(min_length=3, max_length=3, default_factory=lambda: [1, 1, 1])]
    calculator: str | None = None
    arguments: Annotated[dict[str, Any], Field(default_factory=dict)]


def structure(parameters: Parameters, seed: int) -> tuple[SystemSpec, NDArray[np.float64]]:
    """Atoms of the file (its last frame), whatever the seed; topology and positions (Å).

    A periodic structure is turned so that its first lattice vector is along x and the second in the xy plane.
    """
    path = parameters.structure_file
    atoms = read_structure(path, f"{KEYS}.structure_file")
    if not len(atoms) or not atoms.numbers.all():
        raise UserError(f"{KEYS}.structure_file: {path} has no atoms, or some of no element; name their elements")
    if atoms.pbc.any() != atoms.pbc.all() or (atoms.pbc.all() and atoms.cell.rank < 3):
        raise UserError(
            f"{KEYS}.structure_file: {path} is periodic along {int(atoms.pbc.sum())} directions with {atoms.cell.rank} "
            "lattice vectors; give it a whole cell (with a layer of vacuum where you need one), or none at all"
        )
    if not atoms.pbc.all() and parameters.supercell != [1, 1, 1]:
        raise UserError(f"{KEYS}.supercell: {path} has no cell that could be repeated; leave supercell out")
    atoms = atoms.repeat(parameters.supercell)
    cell, positions = np.zeros((3, 3)), atoms.positions
    if atoms.pbc.all():
        if atoms.cell.handedness < 0:
            atoms.set_cell(-atoms.cell.array)  # the same lattice
        standard, turn = atoms.cell.standard_form()
        cell, positions = np.tril(standard.array), positions @ turn.T
    return SystemSpec(
        numbers=atoms.numbers.astype(np.int64), masses=atoms.get_masses(), cell=cell, pbc=atoms.pbc
    ), positions


def calculator(parameters: Parameters) -> BaseCalculator:
    """A new calculator; UserError where there is none of that name or it does not take the arguments."""
    if parameters.calculator is None:
        raise UserError(
            f"{KEYS}.calculator: missing; name an ASE calculator there, or a potential in reference.potential"
        )
    make = _maker(parameters.calculator)
    try:
        made = make(**parameters.arguments)
    except Exception as error:  # whatever the calculator finds wrong
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"{KEYS}.arguments: the calculator {parameters.calculator} does not take {parameters.arguments}: {message}"
        ) from None
    if not isinstance(made, BaseCalculator):
        raise UserError(
            f"{KEYS}.calculator: {parameters.calculator} gives a {type(made).__name__}, no ASE calculator; "
            "name a class or a function that returns one"
        )
    known, taken = (getattr(made, name, {}) for name in ("default_parameters", "parameters"))
    for name in parameters.arguments:
        if known and name in taken and name not in known:  # many of ASE's own ignore what they do not know
            log.warning("%s is not among the parameters of %s (%s)", name, type(made).__name__, ", ".join(known))
    return made


def _maker(name: str) -> Callable[..., Any]:
    """The class or function that a name stands for."""
    module, colon, function = name.partition(":")
    try:
        if not colon:
            return get_calculator_class(name)
        if "" not in sys.path:
            sys.path.append("")  # modules of the folder one starts in, after all others
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"{KEYS}.calculator: no {name!r} here ({error}); write a name that ASE knows, such as emt, or "
            "module:function of an installed package or of a file in the folder you start from"
        ) from None
