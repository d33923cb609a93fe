"""A reporter that keeps only temperatures, for long rollouts with every step a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from trajcast.core.mechanics import degrees_of_freedom
from trajcast.io.files import write_json
from trajcast.io.recorder import Recorder
from trajcast.observables.blocks import mean_error, width_error
from trajcast.observables.temperature_series import kinetic_temperatures

BLOCKS = 10
GROUP = "temperature"


class TemperatureRecorder(Recorder):
    """Keeps the temperatures of frames and summarises them in a JSON file of means and standard deviations."""

    def _take_frames(self) -> Callable[[h5py.File], None]:
        positions, velocities = self._positions, self._velocities
        self._clear()

        def write(file: h5py.File) -> None:
            if positions:
                temperatures = kinetic_temperatures(self.spec, np.stack(positions), np.stack(velocities))
                for name, values in temperatures.items():
                    file[f"{GROUP}/{name}"] = values
                file.attrs["degrees_of_freedom"] = _degrees_of_freedom(self, positions[0])

        return write

    def join(self, **provenance: Any) -> None:
        """Write the summary of all committed segments, which are not removed."""
        series: dict[str, list[NDArray[np.float64]]] = {}
        dof = None
        for path in self.segments:
            with h5py.File(path, "r") as file:
                dof = file.attrs.get("degrees_of_freedom", dof)
                for name in file.get(GROUP, ()):
                    series.setdefault(name, []).append(file[GROUP][name][()])
        whole = {name: np.concatenate(parts) for name, parts in series.items()}
        settings = self.provenance["settings"]
        target = settings["temperature_K"]
        summary = {
            "target_K": target,
            "tau_horizons": settings["tau_horizons"],
            "seed": settings["seed"],
            "degrees_of_freedom": None if dof is None else float(dof),
            "theory_width_K": None if dof is None else target * float(np.sqrt(2 / dof)),
            **_moments(whole.pop("all atoms", np.empty(0))),
            "elements": {name: _moments(values) for name, values in whole.items()},
            "blocks": BLOCKS,
            **provenance,
            "provenance": self.provenance,
        }
        write_json(self.path, summary)


def _moments(kelvin: NDArray[np.float64]) -> dict[str, float | int | None]:
    """Mean and standard deviation with standard errors from block averaging; None if there are too few steps."""
    enough = len(kelvin) >= 2
    return {
        "steps": len(kelvin),
        "mean_K": float(kelvin.mean()) if enough else None,
        "mean_error_K": mean_error(kelvin, BLOCKS),
        "width_K": float(kelvin.std(ddof=1)) if enough else None,
        "width_error_K": width_error(kelvin, BLOCKS),
    }


def _degrees_of_freedom(recorder: Recorder, positions: NDArray[np.float32]) -> float:
    return float(degrees_of_freedom(recorder.spec.state(positions, 0 * positions))[0])
