"""Measure reference MD and the rollouts at each horizon window by window; write and read the results."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from trajcast.config.studies import CoolingStudy
from trajcast.core.errors import UserError
from trajcast.figures.cooling.windows import Window, measure_windows, window_of
from trajcast.io import layout
from trajcast.io.files import atomic_write, write_json
from trajcast.io.provenance import provenance
from trajcast.io.trajectory import Trajectory
from trajcast.observables import Context

log = logging.getLogger(__name__)
COLUMNS = ["method", "from / K", "to / K", "runs", "quantity", "unit", "value", "standard error", "note"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """Reference MD, or the rollouts at one horizon."""

    horizon_fs: float | None  # None for MD
    runs: int
    endings: list[str]  # of the rollouts that ended early
    windows: list[Window]

    @property
    def name(self) -> str:
        """Name in figures and tables."""
        return "reference MD" if self.horizon_fs is None else f"rollout, Δt = {self.horizon_fs:g} fs"


def compare(
    md: Sequence[Path], rollouts: Sequence[Path], cooling: CoolingStudy, context: Context, folder: Path
) -> None:
    """Measure all runs and write windows.json and windows.csv into `folder`.

    Raises:
        UserError: If a trajectory among `rollouts` is not a rollout.
    """
    by_horizon: dict[float, list[Path]] = {}
    endings: dict[float, list[str]] = {}
    for path in rollouts:
        with Trajectory(path) as trajectory:
            outcome = trajectory.provenance.get("outcome")
        if outcome is None:
            raise UserError(f"{path}: not a rollout; give those made by trajcast rollout")
        by_horizon.setdefault(outcome["horizon_fs"], []).append(path)
        if outcome["reason"]:
            how = f"{outcome['outcome']} at {outcome['time_ps']:g} of {outcome['planned_ps']:g} ps: {outcome['reason']}"
            endings.setdefault(outcome["horizon_fs"], []).append(how)
    context = replace(context, settings=context.settings.model_copy(update={"blocks": 2}))  # errors come from the runs
    methods = []
    for horizon_fs, paths in [(None, md), *sorted(by_horizon.items())]:
        log.info("%s: %d runs", "reference MD" if horizon_fs is None else f"{horizon_fs:g} fs", len(paths))
        methods.append(
            Method(
                horizon_fs=horizon_fs,
                runs=len(paths),
                endings=[] if horizon_fs is None else endings.get(horizon_fs, []),
                windows=measure_windows(paths, context.reference.temperature_K, cooling, context),
            )
        )
    _write_table(folder / "windows.csv", methods)
    settings = {"cooling": asdict(cooling), "observables": context.settings.model_dump(mode="json")}
    write_json(
        folder / layout.WINDOWS_FILE,
        {"provenance": provenance("cooling", settings), "methods": [asdict(method) for method in methods]},
    )


def read_methods(path: Path | str) -> list[Method]:
    """Read the results of `compare`, MD first."""
    values: list[dict[str, Any]] = json.loads(Path(path).read_text(encoding="utf-8"))["methods"]
    return [Method(**(value | {"windows": [window_of(window) for window in value["windows"]]})) for value in values]


def _write_table(path: Path, methods: Sequence[Method]) -> None:
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(COLUMNS)
        for method in methods:
            for window in method.windows:
                row = [method.name, f"{window.from_K:g}", f"{window.to_K:g}", window.runs]
                if not window.runs:
                    table.writerow([*row, "", "", "", "", "no run reached the end of this window"])
                table.writerows(
                    [*row, s.name, s.unit, *("" if x is None else x for x in (s.value, s.error)), s.note]
                    for s in window.scalars
                )
