"""Input of the page, read from the results folder of one system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import PS
from trajcast.figures.report.required import check_rows, existing, read_json
from trajcast.figures.report.runs import ReportedRun, read_run
from trajcast.io import layout
from trajcast.io.layout import nve_run
from trajcast.io.trajectory import Trajectory

SPEED_KEYS = ["steps_per_s", "ns_per_day", "threads"]
HEALTH_KEYS = ["runs"]
LITERATURE_KEYS = ["comparisons"]
PUBLISHED_KEYS = ["quantity", "unit", "value", "error", "published", "published_error", "source"]
RUN_KEYS = [
    "run",
    "ensemble",
    "duration_ps",
    "frames",
    "drift_meV_per_atom_per_ps",
    "temperature_K",
    "temperature_error_K",
    "target_K",
    "allowed_K",
    "degrees_of_freedom",
    "passed",
]


@dataclass(frozen=True, kw_only=True)
class Study:
    """One system: its reference MD and all rollouts."""

    folder: Path
    provenance: dict[str, Any]  # of the NVT reference run
    settings: dict[str, Any]  # of the reference
    spec: SystemSpec
    reference_ps: float
    health: list[dict[str, Any]]
    warnings: list[str]  # of the potential
    weights_sha256: list[str]  # of the potential; at most one
    largest_timestep: dict[str, Any] | None  # speed with the largest safe timestep; None if unknown or not requested
    literature: list[dict[str, Any]]  # quantities of the reference MD with published values
    energies: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # NVE run → time (ps), total energy (eV)
    runs: list[ReportedRun]

    @property
    def engine(self) -> str:
        """Name of the reference engine as written in texts."""
        name: str = self.settings["engine"]
        return "LAMMPS" if name == "lammps" else name

    @property
    def observables(self) -> list[str]:
        """Names of the observables of all rollouts, in the order of the summary."""
        names = dict.fromkeys(row["observable"] for run in self.runs for row in run.summary)
        for run in self.runs:
            names |= dict.fromkeys([*run.md, *run.rollout])
        return [name for name in names if any(name in run.md or name in run.rollout for run in self.runs)]


def read_study(folder: Path, models: Mapping[str, Path], timestep: Sequence[Path] = ()) -> Study:
    """Read a results folder.

    Args:
        models: Folder of each rollout's model, by the name of the rollout.
        timestep: File of the timestep study, if any.

    Raises:
        UserError: If a file is missing or malformed; the message names the command that makes it.
    """
    reference = folder / "reference"
    made_by = f"trajcast reference --settings {reference / layout.REFERENCE_SETTINGS_FILE} --output {reference}"
    health = read_json(reference / layout.HEALTH_FILE, HEALTH_KEYS, made_by)
    check_rows(reference / layout.HEALTH_FILE, health["runs"], RUN_KEYS, made_by)
    literature = read_json(reference / layout.LITERATURE_FILE, LITERATURE_KEYS, made_by)["comparisons"]
    check_rows(reference / layout.LITERATURE_FILE, literature, PUBLISHED_KEYS, made_by)
    nvt = existing(reference / Path(layout.NVT).name, made_by)
    with Trajectory(nvt) as trajectory:
        missing = [key for key in SPEED_KEYS if key not in trajectory.provenance.get("speed", {})]
        if missing or "runs" not in trajectory.provenance.get("settings", {}).get("nve", {}):
            raise UserError(f"{nvt}: its provenance lacks settings or speed of the run; make it again with: {made_by}")
        provenance, spec = trajectory.provenance, trajectory.spec
        length_ps = (len(trajectory) - 1) * trajectory.interval_fs / PS
    start = nve_run(reference, provenance["settings"]["nve"]["runs"])  # the test trajectory
    return Study(
        folder=folder,
        provenance=provenance,
        settings=provenance["settings"],
        spec=spec,
        reference_ps=length_ps,
        health=health["runs"],
        warnings=health.get("warnings", []),
        weights_sha256=health.get("weights_sha256", []),
        largest_timestep=read_json(timestep[0], ["safe"], "trajcast timestep")["safe"] if timestep else None,
        literature=literature,
        energies=_total_energies(reference),
        runs=[read_run(folder, name, model, start) for name, model in models.items()],
    )


def _total_energies(reference: Path) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    energies = {}
    for path in sorted(reference.glob("nve_*.h5md")):
        with Trajectory(path) as trajectory:
            total = trajectory.energy("total")
            if total is not None and len(total) > 1:
                energies[path.stem] = (trajectory.times / PS, total)
    return energies
