"""Health check of the reference runs: energy drift and temperature against their limits."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.core.mechanics import degrees_of_freedom
from trajcast.core.units import PS
from trajcast.io import layout
from trajcast.io.files import write_json, write_text
from trajcast.io.trajectory import Trajectory
from trajcast.observables.blocks import FEWEST_BLOCKS, correlated_mean_error
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series
from trajcast.reference.protocol import run_names

STANDARD_ERRORS = 4.0
MEV = 1000.0  # per eV


@dataclass(frozen=True, kw_only=True)
class Health:
    """Health of one run: one row of the health table."""

    run: str
    ensemble: str
    duration_ps: float
    frames: int
    drift_meV_per_atom_per_ps: float | None  # NVE only: a thermostat changes the energy
    temperature_K: float
    temperature_error_K: float
    target_K: float
    allowed_K: float  # largest |temperature_K − target_K|
    degrees_of_freedom: int
    passed: bool


def drift(times_fs: NDArray, energies_eV: NDArray, n_atoms: int) -> float:
    """Slope of a linear fit to the total energy, meV/atom/ps."""
    slope = np.polyfit((times_fs - times_fs.mean()) / PS, energies_eV - energies_eV.mean(), 1)[0]
    return float(slope * MEV / n_atoms)


def examine(settings: ReferenceSettings, run: str, trajectory: Trajectory) -> Health:
    """Health of one run.

    The mean temperature of an NVT run may miss the target by four standard errors. That of an NVE run also depends on
    the energy of its start: over canonically distributed starts its variance is k T²/C_V. As C_V ≥ k × degrees of
    freedom (kinetic plus harmonic potential energy; more in liquids), T²/dof is added to the squared standard error.

    Raises:
        UserError: If the run is too short for a standard error.
    """
    if len(trajectory) < FEWEST_BLOCKS:
        raise UserError(
            f"{trajectory.path}: {len(trajectory)} frames, at least {FEWEST_BLOCKS} are needed; lengthen the run"
        )
    nve = run.startswith("nve")
    kinetic_K = temperature_series(trajectory)[ALL_ATOMS]
    dof = int(degrees_of_freedom(trajectory.state(0))[0])
    target, error = settings.temperature_K, correlated_mean_error(kinetic_K)
    allowed = STANDARD_ERRORS * np.hypot(error, target / np.sqrt(dof) if nve else 0.0)
    total = trajectory.energy("total")
    slope = drift(trajectory.times, total, trajectory.spec.n_atoms) if nve and total is not None else None
    mean = float(kinetic_K.mean())
    return Health(
        run=run,
        ensemble="NVE" if nve else "NVT (CSVR)",
        duration_ps=len(trajectory) * trajectory.interval_fs / PS,
        frames=len(trajectory),
        drift_meV_per_atom_per_ps=slope,
        temperature_K=mean,
        temperature_error_K=error,
        target_K=target,
        allowed_K=float(allowed),
        degrees_of_freedom=dof,
        passed=bool(abs(mean - target) <= allowed and abs(slope or 0.0) <= settings.max_drift_meV_per_atom_per_ps),
    )


def check_health(settings: ReferenceSettings, folder: Path) -> None:
    """Write health.json (with the potential's warnings and weights hash) and health.csv.

    Raises:
        UserError: If runs fail the check (all are named), their potential energy never changes, or they were made with
            different weights.
    """
    rows, warnings, weights, flat = [], dict[str, None](), dict[str, list[str]](), list[str]()
    for run in run_names(settings):
        with Trajectory(folder / f"{run}.h5md") as trajectory:
            rows.append(examine(settings, run, trajectory))
            potential = trajectory.energy("potential")
            if potential is not None and np.ptp(potential) == 0:
                flat.append(run)
            warnings |= dict.fromkeys(trajectory.provenance.get("warnings", []))
            if digest := trajectory.provenance.get("weights"):
                weights.setdefault(digest, []).append(run)
    if constant := [row.run for row in rows if row.run in flat]:
        raise UserError(
            f"{folder}: the potential energy never changes in {', '.join(constant)}: the atoms do not interact; is the "
            "force field's cutoff in Å, and does it define all pairs? Correct the force field, then remove the runs"
        )
    if len(weights) > 1:
        runs = "; ".join(f"{', '.join(names)}: {digest[:12]}…" for digest, names in weights.items())
        raise UserError(
            f"{folder}: the runs were made with different weights of {settings.potential}: {runs}; remove the runs "
            "with the wrong weights, then run the same command again"
        )
    values = {"runs": [asdict(row) for row in rows], "warnings": list(warnings), "weights_sha256": [*weights]}
    write_json(folder / layout.HEALTH_FILE, values)
    text = io.StringIO()
    table = csv.DictWriter(text, list(asdict(rows[0])), lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(row) for row in rows)
    write_text(folder / layout.HEALTH_TABLE_FILE, text.getvalue())
    failures = [_failure(row, settings) for row in rows if not row.passed]
    if failures:
        raise UserError("; ".join(failures) + f"; full table: {folder / layout.HEALTH_TABLE_FILE}")


def _failure(row: Health, settings: ReferenceSettings) -> str:
    faults = []
    limit = settings.max_drift_meV_per_atom_per_ps
    if row.drift_meV_per_atom_per_ps is not None and abs(row.drift_meV_per_atom_per_ps) > limit:
        faults.append(
            f"its energy drifts by {row.drift_meV_per_atom_per_ps:.3g} meV/atom/ps (limit {limit:g}): "
            "reduce timestep_fs or raise the accuracy of the forces (cutoff_A, ewald_accuracy)"
        )
    if abs(row.temperature_K - row.target_K) > row.allowed_K:
        faults.append(
            f"its temperature is {row.temperature_K:.1f} ± {row.temperature_error_K:.1f} K (allowed: "
            f"{row.target_K:g} ± {row.allowed_K:.1f} K): lengthen the equilibration, or reduce timestep_fs"
        )
    return f"{row.run} ({row.ensemble}, {row.duration_ps:g} ps) fails: " + " and ".join(faults)
