"""The user's files that a reference system depends on."""

from __future__ import annotations

from pathlib import Path

from trajcast.config.potential_names import named
from trajcast.config.schema import ReferenceSettings
from trajcast.io.files import file_hash
from trajcast.io.readers.lammps_input import named_files


def input_files(settings: ReferenceSettings) -> list[str]:
    """The potential's file and all `…_file` parameters of the system, including the files that `input_file` reads."""
    model = None if settings.potential is None else named(settings.potential).file
    files = [] if model is None else [model]
    for key, value in settings.parameters.items():
        if key.endswith("_file"):
            files += named_files(str(value)) if key == "input_file" and Path(str(value)).is_file() else [str(value)]
    return files


def file_hashes(settings: ReferenceSettings) -> dict[str, str]:
    """SHA-256 of each of these files that exists."""
    existing = [path for path in map(Path, input_files(settings)) if path.is_file()]
    return {str(path): file_hash(path) for path in existing}
