"""Read files that the page needs; if one is missing or malformed, the error names the command that makes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trajcast.core.errors import UserError


def existing(path: Path, made_by: str) -> Path:
    """Return `path` if the file exists.

    Args:
        made_by: Command that makes the file.

    Raises:
        UserError: If the file does not exist.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file, the report needs it; make it with: {made_by}")
    return path


def read_json(
    path: Path, keys: Sequence[str], made_by: str, upgrade: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> dict[str, Any]:
    """Read a JSON object that must have `keys`.

    Args:
        made_by: Command that makes the file.
        upgrade: Converts an object written by an earlier version.

    Raises:
        UserError: If the file does not exist, is not valid JSON or lacks a key.
    """
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
    """Check that all rows of a file have `keys`.

    Raises:
        UserError: If a row lacks a key.
    """
    for row in rows:
        missing = [key for key in keys if not isinstance(row, dict) or key not in row]
        if missing:
            raise UserError(f"{path}: a row lacks {', '.join(missing)}; make it again with: {made_by}")
