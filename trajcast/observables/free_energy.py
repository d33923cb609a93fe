"""Free-energy surface over the two dihedral angles that the settings name, and the barriers on it.

F = −k T ln P with P the density of the angles in `dihedral_bins` bins of each, one of them centred on 0°. Angles are
those of IUPAC, 0° for cis. Beside the surface come profiles, each with its lowest value as zero: of either angle
whatever the other (from P summed over the other), and the surface's cuts along one angle where the other is 0°.
"""

from __future__ import annotations

import numpy as np
from MDAnalysis.lib.distances import calc_dihedrals
from numpy.typing import NDArray

from trajcast.core.errors import UserError
from trajcast.core.units import BOLTZMANN
from trajcast.observables import Context
from trajcast.observables.blocks import standard_error
from trajcast.observables.result import Curve, Result, Scalar, Surface
from trajcast.observables.selection import Selection
from trajcast.observables.temperature import canonical_temperature
from trajcast.observables.universe import positions_and_box

UNIT = "meV"


def measure(selection: Selection, context: Context) -> Result:
    """Surface, profiles and barriers in meV; nothing for a system without dihedrals in its settings."""
    settings = context.settings
    names, target = list(settings.dihedrals), canonical_temperature(selection.trajectory)
    curves, scalars, surface, note = [], [], None, ""
    if len(selection) == 0:
        note = "not measured: no frames"
    elif names and target is None:
        note = "not measured: a free energy needs frames at constant temperature"
    elif names and target is not None:
        thermal = 1000 * BOLTZMANN * target
        angles = dihedral_angles(selection, list(settings.dihedrals.values()))
        density = _densities(angles, settings.dihedral_bins, settings.blocks)
        if len(density) == 1:
            note = f"without errors: {len(angles)} frame(s) for {settings.blocks} blocks"
        centres = bin_centres(settings.dihedral_bins)
        surface = _surface(names, centres, thermal, density.mean(axis=0))
        zero = settings.dihedral_bins // 2
        for name, part in {
            f"{names[0]}, any {names[1]}": density.sum(axis=2),
            f"{names[1]}, any {names[0]}": density.sum(axis=1),
            f"{names[0]} at {names[1]} = 0°": density[:, :, zero],
            f"{names[1]} at {names[0]} = 0°": density[:, zero, :],
        }.items():
            if part.any():
                curve, barrier = profile(name, centres, thermal, part)
                curves.append(curve)
                scalars.append(barrier)
            else:
                why = "the trajectory never came there"
                scalars.append(Scalar(name=f"barrier of {name}", value=None, error=None, unit=UNIT, note=why))
    temperature = "" if target is None else f"k T at {target:g} K is {1000 * BOLTZMANN * target:.1f} meV; "
    return Result(
        observable="free_energy",
        title="Free energy of dihedral angles",
        x_label="dihedral angle / °",
        y_label="free energy / meV",
        curves=curves,
        scalars=scalars,
        surface=surface,
        x_limits=(-180.0, 180.0) if curves else None,
        caption=f"From the density of {' and '.join(names) or 'no dihedrals'} in {settings.dihedral_bins} bins each; "
        f"barrier: highest above lowest value of a profile; {temperature}{selection}; standard errors from "
        f"{settings.blocks} blocks.",
        note=note,
    )


def bin_centres(bins: int) -> NDArray[np.float64]:
    """Centres in degrees of an even number of bins from −180 on; the one in the middle is 0."""
    return np.linspace(-180, 180, bins, endpoint=False)


def dihedral_angles(selection: Selection, atoms: list[list[int]]) -> NDArray[np.float64]:
    """(frames, dihedrals) in degrees, of four atoms (counted from 0) each; nearest images where periodic.

    UserError where the system has no such atom.
    """
    count = selection.spec.n_atoms
    if any(i >= count for four in atoms for i in four):
        raise UserError(
            f"observables.dihedrals: {atoms} names atoms beyond {count - 1}, the last of {count}; correct it"
        )
    positions, box = positions_and_box(selection)
    angles = [calc_dihedrals(*(np.ascontiguousarray(positions[:, i]) for i in four), box=box) for four in atoms]
    return np.degrees(np.array(angles, dtype=np.float64).T)


def _densities(angles: NDArray[np.float64], bins: int, blocks: int) -> NDArray[np.float64]:
    """(blocks, bins, bins): probabilities from consecutive blocks of frames; from all as one where they are too few."""
    place = np.rint((angles + 180) / (360 / bins)).astype(int) % bins
    length = len(angles) // blocks
    pieces = np.split(place[: blocks * length], blocks) if length else [place]
    density = np.zeros((len(pieces), bins, bins))
    for counts, piece in zip(density, pieces, strict=True):
        np.add.at(counts, tuple(piece.T), 1 / len(piece))
    return density


def _surface(names: list[str], centres: NDArray[np.float64], thermal: float, density: NDArray[np.float64]) -> Surface:
    with np.errstate(divide="ignore"):
        energy = -thermal * np.log(density / density.max())
    return Surface(
        x_label=f"{names[0]} / °",
        y_label=f"{names[1]} / °",
        z_label=f"free energy / {UNIT}",
        x=centres.tolist(),
        y=centres.tolist(),
        z=[[float(value) if np.isfinite(value) else None for value in row] for row in energy],
    )


def profile(
    name: str, centres: NDArray[np.float64], thermal: float, density: NDArray[np.float64]
) -> tuple[Curve, Scalar]:
    """−thermal × ln P over the bins that were visited, above its minimum, and its highest value, the barrier.

    `density` is (blocks, bins) and need not be normalised. Errors are those of ln P to first order in the blocks'
    spread, δF = −thermal × δP / P, so that a block that never came to a bin has a finite share in its error.
    """
    mean = density.mean(axis=0)
    visited = mean > 0
    energy = -thermal * np.log(mean[visited] / mean.max())
    error = None
    if len(density) > 1:
        relative = density[:, visited] / mean[visited]
        error = thermal * standard_error(relative - relative[:, [energy.argmin()]])
    barrier = f"barrier of {name}"
    if not visited.all():
        why = f"{np.sum(~visited)} of {len(visited)} bins were never visited"
        scalar = Scalar(name=barrier, value=None, error=None, unit=UNIT, note=why)
    else:
        top = int(energy.argmax())
        scalar = Scalar(
            name=barrier, value=float(energy[top]), error=None if error is None else float(error[top]), unit=UNIT
        )
    curve = Curve(
        name=name,
        x=centres[visited].tolist(),
        y=(energy + 0.0).tolist(),  # no minus before zero
        error=None if error is None else error.tolist(),
    )
    return curve, scalar
