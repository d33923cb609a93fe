"""Measurements along a ramp in windows of equal length; the spread of several runs gives the errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from trajcast.config.studies import CoolingStudy
from trajcast.io.formats import scalar_record
from trajcast.io.trajectory import Trajectory
from trajcast.observables import Context, msd, rdf, temperature, tetrahedral
from trajcast.observables.blocks import standard_error
from trajcast.observables.result import Curve, Result, Scalar
from trajcast.observables.selection import Selection

MEASURED: tuple[ModuleType, ...] = (temperature, msd, tetrahedral, rdf)
OF_THE_RAMP = ("temperature_width",)  # quantities that are meaningless at a changing temperature


@dataclass(frozen=True, kw_only=True)
class Window:
    """One part of the ramp: means over the runs that reached its end, with standard errors if there are several."""

    from_K: float
    to_K: float
    runs: int
    scalars: list[Scalar]
    curves: dict[str, list[Curve]]  # by observable; `blocks` are the runs

    @property
    def middle_K(self) -> float:
        """Central temperature."""
        return (self.from_K + self.to_K) / 2

    def scalar(self, key: str) -> Scalar | None:
        """Number with this key; a key that ends with a dot (`diffusion.`) gives the first number of that quantity."""
        return next(
            (
                scalar
                for scalar in self.scalars
                if scalar.key == key or (key.endswith(".") and scalar.key.startswith(key))
            ),
            None,
        )


def measure_windows(paths: Sequence[Path], first_K: float, cooling: CoolingStudy, context: Context) -> list[Window]:
    """Windows of the runs of one method along the ramp from `first_K`; no runs in windows that none reached."""
    measured: list[list[list[Result]]] = [[] for _ in range(cooling.windows)]  # window, run, observable
    for path in paths:
        with Trajectory(path) as trajectory:
            for index, results in enumerate(measured):
                part = window(trajectory, index, cooling)
                if part is not None:
                    results.append([module.measure(part, context) for module in MEASURED])
    step_K = (cooling.final_temperature_K - first_K) / cooling.windows
    return [
        Window(
            from_K=first_K + index * step_K,
            to_K=first_K + (index + 1) * step_K,
            runs=len(results),
            scalars=_scalars(results),
            curves=_curves(results),
        )
        for index, results in enumerate(measured)
    ]


def window(trajectory: Trajectory, index: int, cooling: CoolingStudy) -> Selection | None:
    """Frames of one window, including both ends; None if the trajectory does not reach its end."""
    length_fs = cooling.window_fs
    begin, end = index * length_fs - 1e-6, (index + 1) * length_fs + 1e-6
    if not len(trajectory) or trajectory.times[-1] < end - 2e-6:
        return None
    first, last = np.searchsorted(trajectory.times, [begin, end])
    return Selection(trajectory=trajectory, frames=range(int(first), int(last)), spacing_fs=trajectory.interval_fs)


def _scalars(runs: Sequence[Sequence[Result]]) -> list[Scalar]:
    """Mean of each number over the runs that have it."""
    by_key: dict[str, list[Scalar]] = {}
    for scalar in (scalar for run in runs for result in run for scalar in result.scalars):
        if scalar.key not in OF_THE_RAMP:
            by_key.setdefault(scalar.key, []).append(scalar)
    means = []
    for key, scalars in by_key.items():
        values = np.array([scalar.value for scalar in scalars if scalar.value is not None])
        reason = next((scalar.note for scalar in scalars if scalar.value is None), "")
        means.append(
            Scalar(
                key=key,
                name=scalars[0].name,
                value=float(values.mean()) if len(values) else None,
                error=float(standard_error(values)) if len(values) > 1 else None,
                unit=scalars[0].unit,
                note=f"{len(scalars) - len(values)} of {len(scalars)} runs: {reason}" if reason else "",
            )
        )
    return means


def _curves(runs: Sequence[Sequence[Result]]) -> dict[str, list[Curve]]:
    """Mean of each structural curve over the runs, which share one grid."""
    curves: dict[str, list[Curve]] = {}
    for results in zip(*runs, strict=True):
        if results[0].observable not in ("rdf", "tetrahedral"):
            continue
        for same in zip(*(result.curves for result in results), strict=True):
            y = np.array([curve.y for curve in same])
            curves.setdefault(results[0].observable, []).append(
                Curve(
                    name=same[0].name,
                    x=same[0].x,
                    y=y.mean(axis=0).tolist(),
                    error=standard_error(y).tolist() if len(y) > 1 else None,
                    blocks=y.tolist(),
                )
            )
    return curves


def window_of(values: dict[str, Any]) -> Window:
    """Restore a window from its JSON object."""
    scalars = [Scalar(**scalar_record(scalar)) for scalar in values["scalars"]]
    curves = {name: [Curve(**curve) for curve in some] for name, some in values["curves"].items()}
    return Window(**(values | {"scalars": scalars, "curves": curves}))
