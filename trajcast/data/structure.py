"""What any structure must be before anything moves: the one check of all that start reference MD or a rollout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajcast.core.elements import check_atoms, symbol
from trajcast.core.errors import UserError
from trajcast.core.mechanics import degrees_of_freedom
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.system_spec import SystemSpec
from trajcast.data.checks import CHECKS

OVERLAP = CHECKS["distance"].limit  # of the sum of two covalent radii; bonds that vibrate at 300 K stay above 0.8
LEAST_VOLUME_A3 = 1.0  # of an atom; diamond has 5.7


def check_structure(spec: SystemSpec, positions: NDArray[np.floating], where: str) -> None:
    """UserError, begun with `where`, for atoms that cannot be or have no way to move."""
    check_atoms(spec.numbers, spec.masses, spec.cell, spec.pbc, where)
    if len(broken := np.flatnonzero(~np.isfinite(positions).all(axis=1))):
        raise UserError(
            f"{where}: the position of atom {broken[0]} is {positions[broken[0]].tolist()}; it must "
            "be finite: correct it"
        )
    if spec.pbc.all():
        volume = abs(float(np.linalg.det(spec.cell))) / spec.n_atoms
        if volume < LEAST_VOLUME_A3:
            raise UserError(
                f"{where}: its cell has {volume:.3g} Å³ for each atom, at least {LEAST_VOLUME_A3:g} is needed; is the "
                "cell a placeholder, or in another unit? Give the cell of the atoms, or none"
            )
    state = spec.state(positions, 0 * positions)
    if float(degrees_of_freedom(state)[0]) < 1:
        raise UserError(
            f"{where}: {spec.n_atoms} atom(s) whose total momentum is kept have no degree of freedom; give at least two"
        )


def check_overlap(spec: SystemSpec, positions: NDArray[np.floating], where: str) -> None:
    """UserError, begun with `where`, for atoms on top of each other; a rollout's guard sees to that by itself."""
    from ase.data import covalent_radii

    radii = covalent_radii[spec.numbers]
    state = spec.state(positions, 0 * positions)
    found = find_neighbors(state, float(2 * OVERLAP * radii.max()))
    atoms, others = found.atoms.numpy(), found.index.numpy()
    distances = np.linalg.norm(found.vectors.numpy(), axis=1)
    share = distances / (radii[atoms] + radii[others])
    if len(share) and share.min() < OVERLAP:
        first = int(share.argmin())
        names = [f"{n} ({symbol(int(spec.numbers[n]))})" for n in (atoms[first], others[first])]
        raise UserError(
            f"{where}: atoms {names[0]} and {names[1]} are {distances[first]:.3g} Å apart, {share[first]:.2g} of the "
            f"sum of their covalent radii, at least {OVERLAP:g} is needed; are positions in Å, and does the cell "
            "belong to them? Correct the structure"
        )
