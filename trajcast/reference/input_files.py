"""The user's files that a reference system is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trajcast.systems._lammps_text import named_files


def input_files(parameters: Mapping[str, Any]) -> list[str]:
    """Files that the parameters of a system name: `…_file` keys, and what the LAMMPS input `input_file` reads."""
    files = []
    for key, value in parameters.items():
        if key.endswith("_file"):
            files += named_files(str(value)) if key == "input_file" and Path(str(value)).is_file() else [str(value)]
    return files


def file_hashes(parameters: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of each of these files that is there."""
    found = [path for path in map(Path, input_files(parameters)) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
