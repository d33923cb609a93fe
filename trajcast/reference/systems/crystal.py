"""α-quartz: the potential of van Beest, Kramer & van Santen (BKS) with a truncated Coulomb interaction.

Van Beest, Kramer & van Santen 1990, doi:10.1103/PhysRevLett.64.1955. Coulomb energies and forces are shifted to zero
at a cutoff, as in Carré, Berthier, Horbach, Ises & Kob 2007, doi:10.1063/1.2777136.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from trajcast.config.schema import ReferenceSettings, Section
from trajcast.config.settings import Count, Positive
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.core.geometry import replicate
from trajcast.core.neighbors.find import find_neighbors
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.io.trajectory import Trajectory
from trajcast.observables.blocks import correlated_mean_error
from trajcast.reference.published import Published

NUMBERS = (14, 8)  # of LAMMPS atom types 1 and 2
MASSES = {14: 28.0855, 8: 15.9994}  # u
CHARGES = {14: 2.4, 8: -1.2}  # e
BUCKINGHAM = {(1, 2): (18003.7572, 4.87318, 133.5381), (2, 2): (1388.7730, 2.76, 175.0)}  # A eV, b 1/Å, C eV Å⁶
# P3₂21, at 298 K: Kihara 1990, doi:10.1127/ejm/2/1/0063
SILICON = (0.4697, 0.0, 2 / 3)  # Wyckoff position 3a
OXYGEN = (0.4133, 0.2672, 0.1188 + 2 / 3)  # Wyckoff position 6c
KIHARA_A, KIHARA_C, KIHARA_BOND = 4.9137, 5.4047, 1.6095  # Å; cell lengths and mean Si–O distance
LONGEST_BOND_A = 2.2  # separates bonded Si–O pairs from all others
FRAMES = 200  # at most, for the mean distance


class Parameters(Section):
    """`reference.parameters` of this system."""

    a_A: Positive
    c_A: Positive
    supercell: Annotated[list[Count], Field(min_length=3, max_length=3)]
    short_range_cutoff_A: Positive  # of the Buckingham terms, with energies shifted to zero at the cutoff
    coulomb_cutoff_A: Positive


def structure(parameters: Parameters, seed: int) -> tuple[SystemSpec, NDArray[np.float64]]:
    """Specification and positions (Å) of the ideal crystal, independent of the seed."""
    a, c = parameters.a_A, parameters.c_A
    cell = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(0.75), 0], [0, 0, c]])
    fractional = np.concatenate([_equivalent(SILICON)[:3], _equivalent(OXYGEN)])
    unit = SystemSpec(
        numbers=np.repeat(NUMBERS, [3, 6]),
        masses=np.repeat([MASSES[z] for z in NUMBERS], [3, 6]),
        cell=cell,
        pbc=np.ones(3, dtype=bool),
    )
    spec, positions = replicate(unit, torch.as_tensor(fractional % 1 @ cell), parameters.supercell)
    return spec, positions.numpy()


def _equivalent(site: tuple[float, float, float]) -> NDArray[np.float64]:
    """Fractional coordinates of the six images of a site; the first three are the complete orbit of a 3a site."""
    x, y, z = site
    return np.array(
        [
            (x, y, z),
            (-y, x - y, z + 2 / 3),
            (y - x, -x, z + 1 / 3),
            (y, x, -z),
            (x - y, -y, -z + 1 / 3),
            (-x, y - x, -z + 2 / 3),
        ]
    )


def lammps_styles(parameters: Parameters) -> str:
    """LAMMPS commands before the box is created."""
    return "units metal\natom_style charge\natom_modify map yes\n"


def lammps_data(parameters: Parameters, spec: SystemSpec, positions: NDArray[np.float64]) -> str:
    """LAMMPS data file with box, masses and atoms of any supercell.

    Raises:
        UserError: If there are elements other than Si and O, the first lattice vector is not along x, or the second is
            not in the xy plane.
    """
    if not set(spec.numbers.tolist()) <= set(NUMBERS):
        raise UserError("system crystal: atoms must be Si or O; remove the others or change the system")
    cell = spec.cell
    if np.any(np.triu(cell, 1)) or np.any(np.diag(cell) <= 0):
        raise UserError(
            "system crystal: the cell's first vector must be along x and its second in the xy plane, but its rows "
            f"are {cell.tolist()}; rotate the crystal"
        )
    types = [NUMBERS.index(z) + 1 for z in spec.numbers.tolist()]
    charges = [CHARGES[z] for z in spec.numbers.tolist()]
    rows = zip(types, charges, positions.tolist(), strict=True)
    lines = [
        "alpha-quartz",
        "",
        f"{spec.n_atoms} atoms\n2 atom types",
        *(f"0 {float(length)!r} {axis}lo {axis}hi" for axis, length in zip("xyz", np.diag(cell), strict=True)),
        f"{float(cell[1, 0])!r} {float(cell[2, 0])!r} {float(cell[2, 1])!r} xy xz yz",
        "\nMasses\n",
        *(f"{kind} {MASSES[z]!r}" for kind, z in enumerate(NUMBERS, 1)),
        "\nAtoms # charge\n",
        *(f"{i} {kind} {charge} {x!r} {y!r} {z!r}" for i, (kind, charge, (x, y, z)) in enumerate(rows, 1)),
    ]
    return "\n".join(lines) + "\n"


def lammps_interactions(parameters: Parameters) -> str:
    """LAMMPS commands that define the force field after the atoms are read; undamped `coul/dsf` is shifted Coulomb."""
    terms = "".join(f"pair_coeff {i} {j} buck {a} {1 / b!r} {c}\n" for (i, j), (a, b, c) in BUCKINGHAM.items())
    return f"""\
pair_style hybrid/overlay buck {parameters.short_range_cutoff_A!r} coul/dsf 0.0 {parameters.coulomb_cutoff_A!r}
pair_coeff * * coul/dsf
pair_coeff 1 1 buck 0.0 1.0 0.0
{terms}pair_modify pair buck shift yes
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
"""


def literature(settings: ReferenceSettings, folder: Path) -> list[Published]:
    """The mean cell at constant pressure, if such a run was made, and the mean Si–O distance in the NVT run."""
    rows = []
    if settings.equilibration.npt is not None:
        copies = validate(Parameters, settings.parameters, "reference.parameters").supercell
        with Trajectory(folder / "npt.h5md") as npt:
            lengths = np.linalg.norm(npt.cells[len(npt) // 2 :], axis=2) / copies
        for name, values, published in (("a", lengths[:, 0], KIHARA_A), ("c", lengths[:, 2], KIHARA_C)):
            rows.append(_beside_experiment(f"Cell length {name} at constant pressure", values, published))
    with Trajectory(folder / "nvt.h5md") as nvt:
        frames = range(0, len(nvt), max(1, len(nvt) // FRAMES))
        bonds = np.array([_mean_bond(nvt.state(frame)) for frame in frames])
    return [*rows, _beside_experiment("Mean Si–O bond length", bonds, KIHARA_BOND)]


def _beside_experiment(quantity: str, values: NDArray[np.float64], published: float) -> Published:
    return Published(
        quantity=quantity,
        unit="Å",
        value=float(values.mean()),
        error=correlated_mean_error(values),
        published=published,
        published_error=None,
        source="experiment at 298 K: Kihara 1990, doi:10.1127/ejm/2/1/0063",
    )


def _mean_bond(state: State) -> float:
    vectors = find_neighbors(state, LONGEST_BOND_A).vectors
    return float(vectors.norm(dim=1).mean())
