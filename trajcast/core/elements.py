"""Checks of elements and masses: which are consistent, and which are impossible."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError

ROUNDING_U = 0.1  # tolerance for rounding differences between tables of masses
SAME_U = 0.03  # a mass this close to another element's belongs to that one: Co and Ni differ by 0.24, Ar and Ca by 0.13
HYDROGEN_U = (0.9, 4.1)  # ¹H to ³H; repartitioned masses reach four times that of ¹H
REPARTITIONED_U = 6.1  # mass that three hydrogens of 3.02 u take from the atom to which they are bonded
LIGHTEST, HEAVIEST = 0.49, 1.17  # relative to the standard mass: repartitioned carbon of a methyl group, and ¹⁴C
LAST_ELEMENT = 118  # oganesson
LAMMPS_C = "; LAMMPS calls every atom C unless `dump_modify ID element O H` names them"


@cache
def _tables() -> tuple[NDArray[np.float64], list[str]]:
    from ase.data import atomic_masses, chemical_symbols

    return np.asarray(atomic_masses), chemical_symbols


def symbol(number: int) -> str:
    """The symbol of the element with this atomic number."""
    return _tables()[1][number]


def element_of_mass(mass: float) -> int | None:
    """Atomic number of the element with this standard mass (u); None if no element or several match."""
    masses, _ = _tables()
    difference = np.abs(masses[1:] - mass)
    first, second = np.argsort(difference)[:2]
    return int(first) + 1 if difference[first] <= ROUNDING_U / 2 < difference[second] else None


def elements_of_masses(masses: NDArray[np.floating], where: str, remedy: str) -> NDArray[np.int64]:
    """Atomic numbers of atoms of which only the masses (u) are known.

    Args:
        where: Beginning of the error message: the file or setting.
        remedy: End of the error message.

    Raises:
        UserError: If a mass does not identify an element.
    """
    check_positive(masses, where)
    number_of = {mass: element_of_mass(mass) for mass in np.unique(masses).tolist()}
    if unknown := [mass for mass, number in number_of.items() if number is None]:
        raise UserError(
            f"{where}: mass {unknown[0]:g} u is not the standard mass of an element, and the element is not "
            f"given; {remedy}"
        )
    return np.array([number_of[mass] for mass in masses.tolist()], dtype=np.int64)


def check_positive(masses: NDArray[np.floating], where: str) -> None:
    """Check that all masses (u) are finite and positive.

    Raises:
        UserError: If a mass is not; the message begins with `where`.
    """
    if len(wrong := np.flatnonzero(~(np.isfinite(masses) & (masses > 0)))):
        zero = "leave virtual sites and massless particles out of the file, and give masses in u"
        raise UserError(
            f"{where}: atom {wrong[0]} has mass {masses[wrong[0]]:g} u; masses must be above zero: "
            f"{zero if masses[wrong[0]] == 0 else 'correct it'}"
        )


def doubtful_mass(number: int, mass: float) -> str:
    """Why this mass (u) is implausible for an element; empty if plausible, as for isotopes and repartitioned masses."""
    masses, symbols = _tables()
    standard = float(masses[number])
    if abs(mass - standard) <= ROUNDING_U:
        return ""
    if number == 1:
        low, high = HYDROGEN_U
    else:
        low, high = max(LIGHTEST * standard, min(standard - REPARTITIONED_U, 0.85 * standard)), HEAVIEST * standard
    nearest = int(np.abs(masses[1:] - mass).argmin()) + 1
    if nearest != number and abs(masses[nearest] - mass) <= (SAME_U if low <= mass <= high else ROUNDING_U):
        return f"{symbols[number]} with mass {mass:g} u, which is the mass of {symbols[nearest]}"
    if not low <= mass <= high:
        return (
            f"{symbols[number]} with mass {mass:g} u, outside the range of its isotopes and repartitioned masses, "
            f"{low:.3g} to {high:.3g} u"
        )
    return ""


def check_atoms(
    numbers: NDArray[np.integer],
    masses: NDArray[np.floating],
    cell: NDArray[np.floating],
    pbc: NDArray[np.bool_],
    where: str,
) -> None:
    """Check what must hold for every system: elements, positive masses, and a valid cell.

    Raises:
        UserError: If there are no atoms, or an atomic number, a mass or a lattice vector along a periodic direction is
            invalid; the message begins with `where`.
    """
    if not len(numbers):
        raise UserError(f"{where}: has no atoms")
    if len(wrong := np.flatnonzero((numbers < 1) | (numbers > LAST_ELEMENT))):
        raise UserError(
            f"{where}: atom {wrong[0]} has atomic number {numbers[wrong[0]]}, which belongs to no element; correct it"
        )
    check_positive(masses, where)
    axes = cell[np.asarray(pbc)]
    if not np.isfinite(axes).all() or np.linalg.matrix_rank(axes) < len(axes):
        raise UserError(
            f"{where}: its lattice vectors along periodic directions are {axes.tolist()}; they must be finite and "
            "linearly independent: give the full cell"
        )


def check_masses(
    numbers: NDArray[np.integer], masses: NDArray[np.floating], where: str, accept: Sequence[str], remedy: str
) -> None:
    """Check that each element has one plausible mass.

    Args:
        where: Beginning of the error message: the file or setting.
        accept: Names of checks to skip; `masses` skips this one.
        remedy: What to do if the masses are intended.

    Raises:
        UserError: If an element has several masses, or a mass that it cannot have.
    """
    if "masses" in accept:
        return
    intended = f". If intended, {remedy}"
    for number in np.unique(numbers).tolist():
        element_masses = masses[numbers == number]
        lightest, heaviest = element_masses.min(), element_masses.max()
        if not np.allclose(element_masses, element_masses[0], rtol=1e-3):
            raise UserError(
                f"{where}: {symbol(number)} has masses {lightest:g} to {heaviest:g} u; the network distinguishes atoms "
                f"by element only: give all its atoms the same mass{LAMMPS_C if number == 6 else ''}{intended}"
            )
        if reason := doubtful_mass(number, float(element_masses[0])):
            raise UserError(f"{where}: {reason}; correct the element or the mass{intended}")


def element_of_name(name: str) -> str | None:
    """The element that an atom name stands for; None if ambiguous or unknown, as for CA, HG and MW.

    Two letters in the case of an element symbol (Na) are that element; OW and H12 can stand for one element only.
    """
    _, symbols = _tables()
    letters = "".join(takewhile(str.isalpha, name.strip().lstrip("0123456789")))
    if letters[:2].capitalize() in symbols[1:] and len(letters) > 1:
        return letters if letters in symbols[1:] else None
    return letters[:1] if letters[:1] in symbols[1:] else None
