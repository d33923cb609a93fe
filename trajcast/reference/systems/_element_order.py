"""Check that a many-body potential assigns the same elements to the atom types as the configuration.

Otherwise LAMMPS silently uses the potential of one element for another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ase.data import atomic_numbers

from trajcast.core.errors import UserError
from trajcast.io.readers.lammps_input import ForceField


def check_element_order(field: ForceField, elements: Sequence[str], input_file: str) -> None:
    """UserError if a line `pair_coeff * * … Si O` or the species of a POD list the elements in another order."""
    for words in _for_all_types(field):
        last = [word for word in words[-len(elements) :] if word in atomic_numbers]
        if len(last) == len(elements) and last != list(elements):
            raise UserError(
                f"{input_file}: '{' '.join(words)}' assigns the atom types to {', '.join(last)}, but "
                f"reference.parameters.elements says {', '.join(elements)}; list them in the order of the atom types"
            )
        if (species := _pod_species(words)) and species != list(dict.fromkeys(elements)):
            raise UserError(
                f"{input_file}: {words[3]} has the species {' '.join(species)}, but pair_style pod needs the order of "
                f"the atom types, {' '.join(dict.fromkeys(elements))}; renumber the types, or refit in that order"
            )


def _for_all_types(field: ForceField) -> Iterator[list[str]]:
    for line in (field.before + field.after).splitlines():
        words = line.split()
        if words[:3] == ["pair_coeff", "*", "*"]:
            yield words


def _pod_species(words: Sequence[str]) -> list[str]:
    """The species in the POD parameter file that a line names; empty if it names none."""
    path = Path(words[3].strip("\"'")) if len(words) > 4 else Path("")
    if path.suffix != ".pod" or not path.is_file():
        return []
    lines = (line.split("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines())
    return next((line[1:] for line in lines if line[:1] == ["species"]), [])
