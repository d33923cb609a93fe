"""Liquid water: flexible SPC molecules (SPC/Fw) in a cubic periodic box.

Wu, Tepper & Voth 2006, doi:10.1063/1.2136877.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import constants
from scipy.spatial.transform import Rotation

from trajcast.config.schema import ObservableSettings, ReferenceSettings, Section
from trajcast.config.settings import Count, Positive
from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.io.trajectory import Trajectory
from trajcast.reference.published import Published

BOND_A = 1.012
BOND_STRENGTH = 1059.162  # kcal/mol/Å², of ½ k (r − r₀)²
ANGLE_DEG = 113.24
ANGLE_STRENGTH = 75.90  # kcal/mol/rad², of ½ k (θ − θ₀)²
LJ_EPSILON = 0.1554253  # kcal/mol, O–O
LJ_SIGMA_A = 3.165492
CHARGES = (-0.82, 0.41, 0.41)  # e
NUMBERS = (8, 1, 1)
MASSES = (15.9994, 1.008, 1.008)  # u
G_PER_CM3 = constants.atomic_mass * 1e27  # per u/Å³
EXPERIMENT_G_PER_CM3 = 0.9978  # water at 295 K
PUBLISHED_K, PUBLISHED_BOX = 300.0, {"molecules": 64, "box_A": 12.4172}  # for D in arXiv:2503.23794


class Parameters(Section):
    """`reference.parameters` of this system."""

    molecules: Count
    box_A: Positive
    cutoff_A: Annotated[float, Field(gt=LJ_SIGMA_A)]  # of Lennard-Jones and the real-space Ewald sum
    ewald_accuracy: Annotated[float, Field(gt=0, lt=1)]  # force error relative to that of two unit charges 1 Å apart


def structure(parameters: Parameters, seed: int) -> tuple[SystemSpec, NDArray[np.float64]]:
    """Specification and positions (Å) of randomly oriented molecules on a cubic grid."""
    n = parameters.molecules
    rng = np.random.default_rng(seed)
    per_side = int(np.ceil(n ** (1 / 3) - 1e-9))
    sites = np.stack(np.unravel_index(np.arange(n), (per_side,) * 3), axis=1)
    oxygens = (sites + 0.5) * parameters.box_A / per_side
    angle = np.deg2rad(ANGLE_DEG)
    molecule = BOND_A * np.array([[0, 0, 0], [1, 0, 0], [np.cos(angle), np.sin(angle), 0]])
    rotated = np.einsum("mxy,ay->max", Rotation.random(n, rng).as_matrix(), molecule)
    spec = SystemSpec(
        numbers=np.tile(NUMBERS, n),
        masses=np.tile(MASSES, n),
        cell=parameters.box_A * np.eye(3),
        pbc=np.ones(3, dtype=bool),
        molecules=np.repeat(np.arange(n), 3),
    )
    return spec, (oxygens[:, None] + rotated).reshape(-1, 3)


def lammps_styles(parameters: Parameters) -> str:
    """LAMMPS commands before the box is created."""
    return "units real\natom_style full\n"


def lammps_data(parameters: Parameters, spec: SystemSpec, positions: NDArray[np.float64]) -> str:
    """LAMMPS data file with box, masses, atoms, bonds and angles of any number of molecules.

    Raises:
        UserError: If the atoms are not O, H, H of each molecule in turn, or the cell is not right-angled.
    """
    n = spec.n_atoms // 3
    if not np.array_equal(spec.numbers, np.tile(NUMBERS, n)):
        raise UserError(
            "system liquid: atoms must be O, H, H of each molecule in turn; reorder them or change the system"
        )
    if np.any(spec.cell != np.diag(np.diag(spec.cell))):
        raise UserError(f"system liquid: the cell must be right-angled, but its rows are {spec.cell.tolist()}")
    sections = {
        "Masses": [f"1 {MASSES[0]!r}", f"2 {MASSES[1]!r}"],
        "Atoms # full": [
            f"{i + 1} {i // 3 + 1} {1 if i % 3 == 0 else 2} {CHARGES[i % 3]} {float(x)!r} {float(y)!r} {float(z)!r}"
            for i, (x, y, z) in enumerate(positions)
        ],
        "Bonds": [f"{2 * m + h} 1 {3 * m + 1} {3 * m + 1 + h}" for m in range(n) for h in (1, 2)],
        "Angles": [f"{m + 1} 1 {3 * m + 2} {3 * m + 1} {3 * m + 3}" for m in range(n)],
    }
    header = [
        f"{n} SPC/Fw water molecules",
        "",
        f"{3 * n} atoms\n{2 * n} bonds\n{n} angles\n2 atom types\n1 bond types\n1 angle types",
        *(f"0 {float(length)!r} {axis}lo {axis}hi" for axis, length in zip("xyz", np.diag(spec.cell), strict=True)),
    ]
    body = [f"\n{title}\n\n" + "\n".join(lines) for title, lines in sections.items()]
    return "\n".join([*header, *body]) + "\n"


def lammps_interactions(parameters: Parameters) -> str:
    """LAMMPS commands that define the force field after the atoms are read; LAMMPS force constants include the ½."""
    return f"""\
pair_style lj/cut/coul/long {parameters.cutoff_A!r}
pair_coeff * * 0.0 0.0
pair_coeff 1 1 {LJ_EPSILON} {LJ_SIGMA_A}
bond_style harmonic
bond_coeff 1 {BOND_STRENGTH / 2} {BOND_A}
angle_style harmonic
angle_coeff 1 {ANGLE_STRENGTH / 2} {ANGLE_DEG}
special_bonds lj/coul 0.0 0.0 0.0
kspace_style ewald {parameters.ewald_accuracy!r}
neighbor 2.0 bin
neigh_modify every 1 delay 0 check yes
"""


def literature(settings: ReferenceSettings, folder: Path) -> list[Published]:
    """First maximum of the O–O g(r) and, for the published conditions, the diffusion coefficient, from the NVT run.

    The diffusion coefficient was published for 64 molecules with this force field in one box at one temperature, so it
    is compared only under these conditions.
    """
    from trajcast.observables import Context, msd, rdf
    from trajcast.observables.blocks import standard_error
    from trajcast.observables.selection import select

    with Trajectory(folder / "nvt.h5md") as nvt:
        frames, spec = select(nvt), nvt.spec
        end_ps = min(10.0, len(nvt) * nvt.interval_fs / PS / 5)  # shorter than the run's quarters, which give the error
        fit = ObservableSettings(msd_fit_from_ps=end_ps / 10, msd_fit_to_ps=end_ps)
        context = Context(settings=fit, reference=settings)
        pairs = next(curve for curve in rdf.measure(frames, context).curves if curve.name == "O–O")
        diffusion = msd.measure(frames, context).scalars[0]
    density = spec.masses.sum() / np.linalg.det(spec.cell) * G_PER_CM3
    maxima = np.array([_first_maximum(np.array(pairs.x), np.array(g)) for g in (pairs.y, *pairs.blocks)])
    maxima[:, 0] *= (density / EXPERIMENT_G_PER_CM3) ** (1 / 3)
    errors = standard_error(maxima[1:]) if len(maxima) > 2 else [None, None]
    experiment = "experiment, 295 K: Skinner et al. 2013, doi:10.1063/1.4790861"
    rows = [
        ("First O–O maximum of g(r) at experimental density", "Å", maxima[0, 0], errors[0], 2.80, 0.01, experiment),
        ("Height of the first O–O maximum of g(r)", "", maxima[0, 1], errors[1], 2.57, 0.05, experiment),
    ]
    as_published = settings.potential is None and settings.temperature_K == PUBLISHED_K
    as_published &= all(settings.parameters.get(key) == value for key, value in PUBLISHED_BOX.items())
    if as_published and diffusion.value is not None:
        source = "MD of the same model, box and temperature: arXiv:2503.23794"
        rows.append((diffusion.name, diffusion.unit, diffusion.value, diffusion.error, 1.84, 0.03, source))
    return [
        Published(
            quantity=quantity,
            unit=unit,
            value=float(value),
            error=None if error is None else float(error),
            published=published,
            published_error=published_error,
            source=source,
        )
        for quantity, unit, value, error, published, published_error, source in rows
    ]


def _first_maximum(r: NDArray[np.float64], g: NDArray[np.float64]) -> tuple[float, float]:
    """Position and height of the vertex of the parabola through the highest bin and its neighbours."""
    top = int(np.clip(np.argmax(g), 1, len(g) - 2))
    curvature, slope, height = np.polyfit(r[top - 1 : top + 2] - r[top], g[top - 1 : top + 2], 2)
    shift = -slope / (2 * curvature) if curvature < 0 else 0.0
    return float(r[top] + shift), float(height + slope * shift / 2)
