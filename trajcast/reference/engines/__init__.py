"""Engines of reference MD, one plug-in per file.

Each file provides `simulate(settings, run, start, recorder)`, which records one `MdRun`, and
`potential_energies(settings, spec, positions)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trajcast.config.schema import ConstantPressureSettings

CANONICAL = ("NVT (Nosé–Hoover)", "NVT (CSVR)")
"""Ensembles whose temperature is constant and distributed canonically."""


@dataclass(frozen=True, kw_only=True)
class MdRun:
    """One run of reference MD from a given state."""

    name: str
    ensemble: Literal["NVE", "NVT (Nosé–Hoover)", "NVT (CSVR)", "NpT (Berendsen)"]
    steps: int
    every: int  # steps between recorded frames
    relaxation_fs: float | None = None  # of the thermostat
    final_temperature_K: float | None = None  # of a ramp linear in time; None: constant temperature
    chain_length: int = 3  # of the Nosé–Hoover thermostat
    pressure: ConstantPressureSettings | None = None  # NpT only
    minimise: bool = False  # minimise the energy before the run
