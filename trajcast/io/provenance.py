"""Provenance of results: settings, versions, machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from trajcast.core.environment import own_lammps
from trajcast.core.version import __version__

POTENTIALS = ("sevenn", "chgnet", "tblite", "mace-torch", "orb-models")
PACKAGES = ("torch", "e3nn", "numpy", "llvmlite", "lammps", "MDAnalysis", "ase", "h5py", "vesin", *POTENTIALS)


def provenance(stage: str, settings: Mapping[str, Any], **extra: Any) -> dict[str, Any]:
    """Record the provenance of one stage as JSON-like data; versions come from package metadata, without imports.

    Args:
        extra: Further entries of the record.
    """
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    folder, arguments = own_lammps()
    if folder is not None:
        versions["lammps"] = " ".join(["own build:", folder, *arguments])
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
