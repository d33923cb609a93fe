"""Checks of the initial structure of reference MD and rollouts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajcast.core.elements import check_atoms, symbol
from trajcast.core.errors import UserError
from trajcast.core.mechanics import degrees_of_freedom
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.system_spec import SystemSpec
from trajcast.data.checks import CHECKS

OVERLAP = CHECKS["distance"].limit  # relative to the sum of covalent radii; bonds vibrating at 300 K stay above 0.8
LEAST_VOLUME_A3 = 1.0  # per atom; diamond has 5.7


def check_structure(spec: SystemSpec, positions: NDArray[np.floating], where: str) -> None:
    """Check that a structure is physically possible and has degrees of freedom.

    Args:
        where: Start of the error message.

    Raises:
        UserError: Elements, masses, cell or positions are invalid, or no degree of freedom is left.
    """
    check_atoms(spec.numbers, spec.masses, spec.cell, spec.pbc, where)
    if len(broken := np.flatnonzero(~np.isfinite(positions).all(axis=1))):
        raise UserError(
            f"{where}: the position of atom {broken[0]} is {positions[broken[0]].tolist()}; it must be "
            "finite: correct it"
        )
    if spec.pbc.all():
        volume = abs(float(np.linalg.det(spec.cell))) / spec.n_atoms
        if volume < LEAST_VOLUME_A3:
            raise UserError(
                f"{where}: its cell has {volume:.3g} Å³ per atom, at least {LEAST_VOLUME_A3:g} is required; is the "
                "cell a placeholder, or in another unit? Give the actual cell, or none"
            )
    state = spec.state(positions, 0 * positions)
    if float(degrees_of_freedom(state)[0]) < 1:
        raise UserError(
            f"{where}: {spec.n_atoms} atom(s) with conserved total momentum have no degree of freedom; give at "
            "least two"
        )


def check_overlap(spec: SystemSpec, positions: NDArray[np.floating], where: str) -> None:
    """Check that no two atoms overlap (in a rollout, the guard does this).

    Args:
        where: Start of the error message.

    Raises:
        UserError: Two atoms overlap.
    """
    from ase.data import covalent_radii

    radii = covalent_radii[spec.numbers]
    state = spec.state(positions, 0 * positions)
    neighbors = find_neighbors(state, float(2 * OVERLAP * radii.max()))
    atoms, others = neighbors.atoms.numpy(), neighbors.index.numpy()
    distances = np.linalg.norm(neighbors.vectors.numpy(), axis=1)
    relative = distances / (radii[atoms] + radii[others])
    if len(relative) and relative.min() < OVERLAP:
        first = int(relative.argmin())
        names = [f"{n} ({symbol(int(spec.numbers[n]))})" for n in (atoms[first], others[first])]
        raise UserError(
            f"{where}: atoms {names[0]} and {names[1]} are {distances[first]:.3g} Å apart, {relative[first]:.2g} of "
            f"the sum of their covalent radii, at least {OVERLAP:g} is required; are positions in Å, and does the cell "
            "match them? Correct the structure"
        )
