"""Free-energy surface over the two dihedral angles named in the settings, and its barriers.

F = −k T ln P, where P is the density of the angles in `dihedral_bins` bins each, one of them centred on 0°. Angles
follow the IUPAC convention, 0° for cis. Profiles relative to their minimum complement the surface: along either angle
with P summed over the other, and cuts along one angle with the other at 0°.
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
    """Measure surface, profiles and barriers in meV; empty for a system without dihedrals in its settings."""
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
                why = "the trajectory never visited this cut"
                scalars.append(
                    Scalar(
                        key=f"barrier.{name}", name=f"barrier of {name}", value=None, error=None, unit=UNIT, note=why
                    )
                )
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
        f"barrier: highest minus lowest value of a profile; {temperature}{selection}; standard errors from "
        f"{settings.blocks} blocks.",
        note=note,
    )


def bin_centres(bins: int) -> NDArray[np.float64]:
    """Centres (°) of an even number of bins, starting at −180; the central one is 0."""
    return np.linspace(-180, 180, bins, endpoint=False)


def dihedral_angles(selection: Selection, atoms: list[list[int]]) -> NDArray[np.float64]:
    """Dihedral angles (°), (frames, dihedrals), by minimum image in periodic systems.

    Args:
        atoms: Four atom indices of each dihedral, counted from 0.

    Raises:
        UserError: An index is out of range.
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
    """Probabilities, (blocks, bins, bins), from consecutive blocks of frames; a single block if frames are too few."""
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
    """Free energy −thermal × ln P of the visited bins relative to its minimum, and its maximum, the barrier.

    Errors are those of ln P to first order in the spread of the blocks, δF = −thermal × δP / P, so that a block that
    never visited a bin contributes a finite error.

    Args:
        thermal: k T in meV.
        density: P of each block, (blocks, bins), not necessarily normalised.
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
        scalar = Scalar(key=f"barrier.{name}", name=barrier, value=None, error=None, unit=UNIT, note=why)
    else:
        top = int(energy.argmax())
        scalar = Scalar(
            key=f"barrier.{name}",
            name=barrier,
            value=float(energy[top]),
            error=None if error is None else float(error[top]),
            unit=UNIT,
        )
    curve = Curve(
        name=name,
        x=centres[visited].tolist(),
        y=(energy + 0.0).tolist(),  # turns −0 into 0
        error=None if error is None else error.tolist(),
    )
    return curve, scalar
