"""Table of long rollouts: outcome, temperatures, drift, kinetic energies, and agreement with MD.

    python -m benchmarks.long_rollouts results/liquid/runs/water-5fs results/liquid/runs/water-5fs-csvr

Each folder contains rollout.h5md, outcome.json and observables/summary.json, as made by the workflow. Kinetic energies
are tested against the canonical distribution with physical_validation (`pip install physical-validation`). Diffusion
coefficients are corrected for the finite size of a cubic box (Yeh & Hummer 2004, doi:10.1021/jp0477147) with the
experimental viscosity of water.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import constants

from trajcast.core.mechanics import degrees_of_freedom
from trajcast.core.units import BOLTZMANN
from trajcast.io.trajectory import Trajectory
from trajcast.observables.energy import UNIT as ENERGY_UNIT
from trajcast.observables.temperature_series import kinetic_temperatures

XI_CUBIC = 2.837297  # ξ of a cubic lattice, in the correction of Yeh and Hummer
VISCOSITY = 0.8538e-3  # Pa s, of water at 300 K
APART_FS = 500.0  # between kinetic energies treated as independent: several relaxation times of the thermostats
TREND_BLOCKS = 10


def main() -> None:
    """Print one Markdown table for all folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    columns = [_column(folder) for folder in parser.parse_args().folders]
    names = list(dict.fromkeys(name for column in columns for name in column))
    for name in names:
        print(f"| {name} | " + " | ".join(column.get(name, "–") for column in columns) + " |")
        if name == names[0]:
            print("|" + "---|" * (1 + len(columns)))


def _column(folder: Path) -> dict[str, str]:
    outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "observables/summary.json").read_text(encoding="utf-8"))
    with Trajectory(folder / "rollout.h5md") as trajectory:
        series, dof = _temperatures(trajectory)
        target = trajectory.provenance["settings"]["temperature_K"]
        length = float(np.linalg.norm(trajectory.spec.cell[0]))
        stride = max(1, round(APART_FS / trajectory.interval_fs))
    column = {
        "rollout": f"{folder.parent.parent.name}/{folder.name}, {outcome['ensemble']}",
        "outcome": f"{outcome['outcome']}, {outcome['time_ps']:g} ps, {outcome['step']} steps",
        "drift of T / K per 100 ps": _trend(series["all atoms"], outcome["time_ps"]),
        "kinetic energy vs. canonical, p": f"{_canonical(series['all atoms'][::stride], dof, target):.2f}",
    }
    rows = summary["rows"]
    for row in rows:
        column[f"{row['quantity']} {row['unit']}".strip()] = _compared(row)
        if row["quantity"].startswith("D of") and "MSD" in row["quantity"] and row["rollout"] is not None:
            kT = constants.k * target
            shift = 1e9 * XI_CUBIC * kT / (6 * np.pi * VISCOSITY * length * constants.angstrom)
            column["D corrected for finite size"] = f"{row['rollout'] + shift:.2f} ({row['md'] + shift:.2f})"
    for name in ("within_error", "second_within_error"):
        judged = [row[name] for row in rows if row[name] is not None]
        column[name.replace("_", " ")] = f"{sum(judged)} of {len(judged)}"
    return column


def _temperatures(trajectory: Trajectory) -> tuple[dict[str, NDArray[np.float64]], float]:
    temperatures = kinetic_temperatures(trajectory.spec, trajectory.positions[()], trajectory.velocities[()])
    return temperatures, float(degrees_of_freedom(trajectory.state(0))[0])


def _trend(series: NDArray[np.float64], duration_ps: float) -> str:
    """Slope of the block means per 100 ps, with its standard error from the residuals."""
    means = np.array([part.mean() for part in np.array_split(series, TREND_BLOCKS)])
    times = (np.arange(TREND_BLOCKS) + 0.5) / TREND_BLOCKS * duration_ps
    (slope, _), covariance = np.polyfit(times, means, 1, cov=True)
    return f"{100 * slope:.2f} ± {100 * covariance[0, 0] ** 0.5:.2f}"


def _canonical(series: NDArray[np.float64], dof: float, target: float) -> float:
    """p-value of the kinetic energies in the canonical ensemble."""
    from physical_validation.util.kinetic_energy import check_distribution

    return float(
        check_distribution(
            kin=0.5 * dof * BOLTZMANN * series,
            temp=target,
            ndof=dof,
            kb=BOLTZMANN,
            verbosity=0,
            screen=False,
            filename=None,
            ene_unit="eV",
            temp_unit="K",
            data_is_uncorrelated=True,
        )
    )


def _compared(row: dict[str, Any]) -> str:
    if row["score"] is not None:
        return f"{row['score']:.3f} ({row['ceiling']:.3f})" if row["ceiling"] is not None else f"{row['score']:.3f}"
    if row["rollout"] is None or row["md"] is None:
        return "–"
    digits = 2 if row["unit"] in (ENERGY_UNIT, "1e-9 m²/s") else 1
    error = "" if row["rollout_error"] is None else f" ± {row['rollout_error']:.{digits}f}"
    return f"{row['rollout']:.{digits}f}{error} ({row['md']:.{digits}f})"


if __name__ == "__main__":
    main()
