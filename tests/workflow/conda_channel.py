"""A conda channel on disk with the packages that the environments ask for: names and versions, nothing in them."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import rattler.index


def write_channel(folder: Path, packages: Iterable[tuple[str, str]]) -> None:
    """Write a channel with these names and versions."""
    for name, version in packages:
        _write_package(folder / "noarch", name, version)
    asyncio.run(rattler.index.index_fs(folder))


def _write_package(folder: Path, name: str, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    about = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": []}
    files = {
        "info/index.json": {**about, "subdir": "noarch", "noarch": "generic"},
        "info/paths.json": {"paths": [], "paths_version": 1},
        "info/about.json": {},
    }
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for path, value in files.items():
            content = json.dumps(value).encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
