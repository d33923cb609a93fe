"""Elements and masses: which belong together, and what no atom can have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError

ROUNDING_U = 0.1  # between tables of masses
SAME_U = 0.03  # a mass so near another element's is that element's: Co and Ni differ by 0.24, Ar and Ca by 0.13
HYDROGEN_U = (0.9, 4.1)  # ¹H to ³H; repartitioned masses reach four times that of ¹H
REPARTITIONED_U = 6.1  # what three hydrogens of 3.02 u take from the atom that they are bonded to
LIGHTEST, HEAVIEST = 0.49, 1.17  # of the standard mass: carbon of a methyl group that gave so much away, and ¹⁴C
FAMILIAR = 118
LAMMPS_C = "; LAMMPS calls every atom C unless `dump_modify ID element O H` names them"


@cache
def _tables() -> tuple[NDArray[np.float64], list[str]]:
    from ase.data import atomic_masses, chemical_symbols

    return np.asarray(atomic_masses), chemical_symbols


def symbol(number: int) -> str:
    """The symbol of an element."""
    return _tables()[1][number]


def element_of_mass(mass: float) -> int | None:
    """The one element whose standard mass this is, or None where there is none or the next is as near."""
    masses, _ = _tables()
    apart = np.abs(masses[1:] - mass)
    first, second = np.argsort(apart)[:2]
    return int(first) + 1 if apart[first] <= ROUNDING_U / 2 and apart[second] > ROUNDING_U / 2 else None


def elements_of_masses(masses: NDArray[np.floating], where: str, remedy: str) -> NDArray[np.int64]:
    """Atomic numbers of atoms of which only masses (u) are known; UserError where these leave a doubt."""
    check_positive(masses, where)
    found = {mass: element_of_mass(mass) for mass in np.unique(masses).tolist()}
    if unknown := [mass for mass, number in found.items() if number is None]:
        raise UserError(
            f"{where}: mass {unknown[0]:g} u is no element's standard mass, and nothing says which element it is; "
            f"{remedy}"
        )
    return np.array([found[mass] for mass in masses.tolist()], dtype=np.int64)


def check_positive(masses: NDArray[np.floating], where: str) -> None:
    """UserError, begun with `where`, for masses (u) that are not above zero."""
    if len(wrong := np.flatnonzero(~(np.isfinite(masses) & (masses > 0)))):
        zero = "leave virtual sites and massless particles out of the file, and give masses in u"
        raise UserError(
            f"{where}: atom {wrong[0]} has mass {masses[wrong[0]]:g} u; masses must be above zero: "
            f"{zero if masses[wrong[0]] == 0 else 'correct it'}"
        )


def doubtful_mass(number: int, mass: float) -> str:
    """Why an atom of this element should not have this mass (u); empty where it may: isotopes, repartitioned masses."""
    masses, symbols = _tables()
    own = float(masses[number])
    if abs(mass - own) <= ROUNDING_U:
        return ""
    if number == 1:
        low, high = HYDROGEN_U
    else:
        low, high = max(LIGHTEST * own, min(own - REPARTITIONED_U, 0.85 * own)), HEAVIEST * own
    nearest = int(np.abs(masses[1:] - mass).argmin()) + 1
    if nearest != number and abs(masses[nearest] - mass) <= (SAME_U if low <= mass <= high else ROUNDING_U):
        return f"{symbols[number]} with mass {mass:g} u, which is that of {symbols[nearest]}"
    if not low <= mass <= high:
        return (
            f"{symbols[number]} with mass {mass:g} u, where its isotopes and repartitioned masses lie within "
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
    """UserError, begun with `where`, for what no system of atoms can have, in whatever file it stands."""
    if not len(numbers):
        raise UserError(f"{where}: has no atoms")
    if len(wrong := np.flatnonzero((numbers < 1) | (numbers > FAMILIAR))):
        raise UserError(
            f"{where}: atom {wrong[0]} has atomic number {numbers[wrong[0]]}, which is no element's; correct it"
        )
    check_positive(masses, where)
    axes = cell[np.asarray(pbc)]
    if not np.isfinite(axes).all() or np.linalg.matrix_rank(axes) < len(axes):
        raise UserError(
            f"{where}: its lattice vectors along periodic directions are {axes.tolist()}; they must be finite and span "
            "the directions that are periodic: give the whole cell"
        )


def check_masses(
    numbers: NDArray[np.integer], masses: NDArray[np.floating], where: str, accept: Sequence[str], remedy: str
) -> None:
    """UserError where an element has several masses, or one that is not its own, unless `accept` names `masses`."""
    if "masses" in accept:
        return
    word = f". If intended, {remedy}"
    for number in np.unique(numbers).tolist():
        own = masses[numbers == number]
        if not np.allclose(own, own[0], rtol=1e-3):
            raise UserError(
                f"{where}: {symbol(number)} has masses {own.min():g} to {own.max():g} u; a network knows atoms by "
                f"their element alone: give all its atoms one mass{LAMMPS_C if number == 6 else ''}{word}"
            )
        if reason := doubtful_mass(number, float(own[0])):
            raise UserError(f"{where}: {reason}; correct element or mass{word}")


def element_of_name(name: str) -> str | None:
    """The one element that an atom's name can stand for; None for CA, HG, MW …, which could be several or none.

    Two letters as a symbol is written, Na, are that element; OW and H12 can be only one.
    """
    _, symbols = _tables()
    letters = "".join(takewhile(str.isalpha, name.strip().lstrip("0123456789")))
    if letters[:2].capitalize() in symbols[1:] and len(letters) > 1:
        return letters if letters in symbols[1:] else None
    return letters[:1] if letters[:1] in symbols[1:] else None
