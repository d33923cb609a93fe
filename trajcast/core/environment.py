"""Environment variables that configure this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping

LAMMPS, LAMMPS_ARGUMENTS = "TRAJCAST_LAMMPS", "TRAJCAST_LAMMPS_ARGUMENTS"


def own_lammps(environment: Mapping[str, str] = os.environ) -> tuple[str | None, list[str]]:
    """Folder and command-line arguments of the user's own LAMMPS build; None and no arguments if not set."""
    folder = environment.get(LAMMPS) or None
    return folder, environment.get(LAMMPS_ARGUMENTS, "").split() if folder else []
