"""Files that the page needs; where one is missing or malformed, UserError with the command that makes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trajcast.core.errors import UserError


def existing(path: Path, made_by: str) -> Path:
    """The path itself; `made_by`: the command."""
    if not path.is_file():
        raise UserError(f"{path}: no such file, the report needs it; make it with: {made_by}")
    return path


def read_json(
    path: Path, keys: Sequence[str], made_by: str, upgrade: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> dict[str, Any]:
    """A JSON object that has these keys, after `upgrade` of what an earlier version wrote."""
    try:
        value = json.loads(existing(path, made_by).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); make it again with: {made_by}") from None
    value = upgrade(value) if isinstance(value, dict) else {}
    missing = [key for key in keys if key not in value]
    if missing:
        raise UserError(f"{path}: lacks {', '.join(missing)}; make it again with: {made_by}")
    return value


def check_rows(path: Path, rows: Sequence[Any], keys: Sequence[str], made_by: str) -> None:
    """Refuse rows of a file that lack one of these keys."""
    for row in rows:
        missing = [key for key in keys if not isinstance(row, dict) or key not in row]
        if missing:
            raise UserError(f"{path}: a row lacks {', '.join(missing)}; make it again with: {made_by}")
