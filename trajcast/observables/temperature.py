"""Kinetic temperature of each element and of all atoms, and its distribution compared with theory.

In the canonical ensemble, 2 E_kin / k follows T × χ² with the system's degrees of freedom, so the temperature has the
standard deviation T √(2/dof). A conserved total removes degrees of freedom from each atom in proportion to its share,
so that every element is at the target temperature on average (equipartition). No theory is given for NVE.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.stats import chi2
from torch import Tensor

from trajcast.core.mechanics import center_of_mass, degrees_of_freedom, inertia, isolated
from trajcast.core.state import State, join, system_sum
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import BOLTZMANN, KINETIC
from trajcast.io.trajectory import Trajectory
from trajcast.observables import Context
from trajcast.observables.blocks import mean_error, width_error
from trajcast.observables.histogram import density
from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.selection import Selection, atoms_of

RAMP = ", to "  # in the ensemble of a temperature ramp, e.g. NVT (CSVR, to 180 K)
TOLERANCE_K = 2.0  # of a mean temperature
FRAMES_AT_ONCE = 1000  # bounds the memory of the inertia tensors


def measure(selection: Selection, context: Context) -> Result:
    """Measure mean temperatures, and histogram and width of that of all atoms."""
    count = context.settings.blocks
    series = temperatures(selection)
    target = canonical_temperature(selection.trajectory)
    curves, theory, note, dof = [], [], "", None
    if len(selection) == 0:
        note = "not measured: no frames"
    else:
        dof = float(degrees_of_freedom(selection.trajectory.state(selection.frames[0]))[0])
    total = series["all atoms"]
    if len(total) >= 2:
        curves = [density("all atoms", total, count)]
        if target is not None and dof is not None:
            theory = [_canonical_density(target, dof)]
    scalars = [
        Scalar(
            name=f"T of {name}",
            value=float(values.mean()) if len(values) else None,
            error=mean_error(values, count),
            unit="K",
            theory=target,
            tolerance=TOLERANCE_K,
            note=note,
        )
        for name, values in series.items()
    ]
    scalars.append(
        Scalar(
            name="width of T",
            value=float(total.std(ddof=1)) if len(total) >= 2 else None,
            error=width_error(total, count),
            unit="K",
            theory=None if target is None or dof is None else target * float(np.sqrt(2 / dof)),
            note=note if len(total) != 1 else "not measured: 1 frame",
        )
    )
    ensemble = "" if target is None else f" Theory: canonical distribution at {target:g} K."
    return Result(
        observable="temperature",
        title="Temperature distribution",
        x_label="kinetic temperature / K",
        y_label="probability density / K⁻¹",
        curves=curves,
        scalars=scalars,
        theory=theory,
        marks={} if target is None else {"target": target},
        caption=f"{'' if dof is None else f'{dof:g} degrees of freedom; '}{selection}; standard errors from {count} "
        f"blocks.{ensemble}",
        note=note,
    )


def canonical_temperature(trajectory: Trajectory) -> float | None:
    """Target temperature (K) of a thermostatted run from its provenance; None for NVE, a ramp, or if unknown."""
    ensemble = str(trajectory.provenance.get("ensemble", ""))
    if not ensemble.startswith("NVT") or RAMP in ensemble:
        return None
    return trajectory.provenance.get("settings", {}).get("temperature_K")


def temperatures(selection: Selection) -> dict[str, NDArray[np.float64]]:
    """Kinetic temperatures (K) of all atoms and of each element, in each selected frame."""
    return kinetic_temperatures(selection.spec, selection.positions, selection.velocities)


def kinetic_temperatures(
    spec: SystemSpec, positions: NDArray[np.float32], velocities: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """Kinetic temperatures (K) of all atoms and of each element, from arrays (frames, atoms, 3)."""
    masses = spec.masses
    groups = {"all atoms": np.arange(len(masses)), **atoms_of(spec)}
    if spec.pbc.any() or len(positions) == 0:
        dof = 3 * (1 - masses / masses.sum())[None]  # as from `atom_degrees_of_freedom`, the same in every frame
    else:
        dof = _dof_by_frame(spec, positions)
    series = {}
    for name, atoms in groups.items():
        v = velocities[:, atoms]
        kinetic = 0.5 * KINETIC * np.einsum("n,fnx,fnx->f", masses[atoms], v, v)
        series[name] = 2 * kinetic / (BOLTZMANN * dof[:, atoms].sum(axis=1))
    return series


def atom_degrees_of_freedom(state: State) -> Float[Tensor, " atoms"]:
    """Kinetic degrees of freedom of each atom: 3 minus its share of each conserved total.

    The shares are 3 m/M for P and, in an isolated system, m tr(I⁻¹ (r² − r rᵀ)) for L, with r relative to the centre
    of mass. The sum over a system equals `mechanics.degrees_of_freedom`.
    """
    share_N = 3 * state.masses / system_sum(state.masses, state)[state.system_idx]
    r_NX = state.positions - center_of_mass(state)[state.system_idx]
    inverse_NXY = torch.linalg.pinv(inertia(state), hermitian=True, rtol=1e-6)[state.system_idx]
    trace_N = torch.einsum("nxx->n", inverse_NXY)
    along_N = torch.einsum("nx,nxy,ny->n", r_NX, inverse_NXY, r_NX)
    rotation_N = state.masses * ((r_NX**2).sum(1) * trace_N - along_N)
    return 3 - share_N - torch.where(isolated(state)[state.system_idx], rotation_N, torch.zeros_like(rotation_N))


def _dof_by_frame(spec: SystemSpec, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Degrees of freedom of each atom, (frames, atoms), which depend on the shape of an isolated system."""
    parts = []
    for start in range(0, len(positions), FRAMES_AT_ONCE):
        frames = positions[start : start + FRAMES_AT_ONCE]
        states = join([spec.state(frame, 0 * frame) for frame in frames])
        parts.append(atom_degrees_of_freedom(states).numpy().reshape(len(frames), -1))
    return np.concatenate(parts)


def _canonical_density(target: float, dof: float) -> Curve:
    scale = target / dof
    low, high = chi2.interval(0.9999, dof, scale=scale)
    x = np.linspace(low, high, 200)
    return Curve(name="all atoms", x=x.tolist(), y=chi2.pdf(x, dof, scale=scale).tolist())
