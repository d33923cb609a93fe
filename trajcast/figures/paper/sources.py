"""The files that a figure reads, by their role, as they are given on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.figures.paper import KINDS

KEY = "--sources"


class Sources(dict[str, list[str]]):
    """Files by role; UserError where a role that is needed is missing."""

    def __missing__(self, role: str) -> NoReturn:
        raise UserError(f"{KEY}: names no {role!r}, only {', '.join(self)}; give what trajcast.figures.paper names")


def read_sources(values: Any) -> Sources:
    """Roles with lists of files that are there; UserError for anything else."""
    sources = Sources(validate(dict[str, list[str]], values, KEY))
    paths = [path for files in sources.values() for path in files]
    if not paths:
        raise UserError(f"{KEY}: names no files; give those that the figure reads, by their role")
    for path in paths:
        if not Path(path).is_file():
            raise UserError(f"{KEY}: {path}: no such file; make it first, or correct its name")
    return sources


def of_kinds(sources: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The files of the paper's systems; UserError where there are none."""
    found = {kind: sources[kind] for kind in KINDS if sources.get(kind)}
    if not found:
        raise UserError(f"{KEY}: names none of {', '.join(KINDS)}, only {', '.join(sources)}; name one of them")
    return found
