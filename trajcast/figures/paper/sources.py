"""Files that a figure reads, by role, as given on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.figures.paper import KINDS

KEY = "--sources"


class Sources(dict[str, list[str]]):
    """Files by role; looking up a missing role raises UserError."""

    def __missing__(self, role: str) -> NoReturn:
        raise UserError(f"{KEY}: names no {role!r}, only {', '.join(self)}; give all roles that the figure reads")


def read_sources(values: Any) -> Sources:
    """Validate files by role.

    Raises:
        UserError: Unless `values` maps roles to lists of existing files, at least one in all.
    """
    sources = Sources(validate(dict[str, list[str]], values, KEY))
    paths = [path for files in sources.values() for path in files]
    if not paths:
        raise UserError(f"{KEY}: names no files; give those that the figure reads, by their role")
    for path in paths:
        if not Path(path).is_file():
            raise UserError(f"{KEY}: {path}: no such file; make it first, or correct its name")
    return sources


def of_kinds(sources: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Files of the paper's systems, by kind.

    Raises:
        UserError: If there are none.
    """
    found = {kind: sources[kind] for kind in KINDS if sources.get(kind)}
    if not found:
        raise UserError(f"{KEY}: names none of {', '.join(KINDS)}, only {', '.join(sources)}; name one of them")
    return found
