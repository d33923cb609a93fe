"""Kinetic temperature of each element and of all atoms, and its distribution compared with theory.

In the canonical ensemble, 2 E_kin / k follows T × χ² with the system's degrees of freedom, so the temperature has the
standard deviation T √(2/dof). A conserved total removes degrees of freedom from each atom in proportion to its share,
so that every element is at the target temperature on average (equipartition). No theory is given for NVE.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from trajcast.core.mechanics import degrees_of_freedom
from trajcast.io.trajectory import Trajectory
from trajcast.observables import Context
from trajcast.observables.blocks import mean_error, width_error
from trajcast.observables.histogram import density
from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.selection import Selection
from trajcast.observables.temperature_series import kinetic_temperatures

TOLERANCE_K = 2.0  # of a mean temperature


def measure(selection: Selection, context: Context) -> Result:
    """Measure mean temperatures, and histogram and width of that of all atoms."""
    count = context.settings.blocks
    series = kinetic_temperatures(selection.spec, selection.positions, selection.velocities)
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
            key=f"temperature.{name}",
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
            key="temperature_width",
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
    temperature_K = trajectory.provenance.get("canonical_temperature_K")
    return None if temperature_K is None else float(temperature_K)


def _canonical_density(target: float, dof: float) -> Curve:
    scale = target / dof
    low, high = chi2.interval(0.9999, dof, scale=scale)
    x = np.linspace(low, high, 200)
    return Curve(name="all atoms", x=x.tolist(), y=chi2.pdf(x, dof, scale=scale).tolist())
