"""Engines of reference MD: one file per engine.

Each file has `simulate(settings, run, start, recorder)`, which records one `Run`, and
`potential_energies(settings, topology, positions)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of reference MD, from a given state."""

    name: str
    ensemble: Literal["NVE", "NVT (Nosé–Hoover)", "NVT (CSVR)"]
    steps: int
    every: int  # steps between recorded frames
    relaxation_fs: float | None = None  # of the thermostat
    minimise: bool = False  # the energy, before the run
