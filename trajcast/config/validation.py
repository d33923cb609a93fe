"""Validation of plain values against a section; every mistake is reported with its file, key, value and rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from trajcast.config.files import Layers, read_yaml
from trajcast.config.former import INSTRUCTION, REMOVED_CHECKS, renamed_key
from trajcast.core.errors import LONGEST, UserError

SectionType = TypeVar("SectionType")


def validate(section: type[SectionType], values: Any, where: str | Layers) -> SectionType:
    """Validate `values` as a section; `where` is their origin.

    Raises:
        UserError: A key or value is wrong; the message lists each with its file, value and rule.
    """
    try:
        return TypeAdapter(section).validate_python(values)
    except ValidationError as error:
        problems: list[dict[str, Any]] = [dict(problem) for problem in error.errors()]
        origins = [where if isinstance(where, str) else where.origin(problem["loc"]) for problem in problems]
        lines = [_explain(problem) for problem in problems]
        if len(set(origins)) == 1:
            raise UserError(f"{origins[0]}: " + "; ".join(lines)) from None
        raise UserError("; ".join(f"{o}: {line}" for o, line in zip(origins, lines, strict=True))) from None


def _explain(problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "(whole section)"
    value, kind = problem["input"], problem["type"]
    shown = "null" if value is None else repr(value)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        if (instruction := renamed_key(str(problem["loc"][-1]))) is not None:
            return f"{key}: {instruction}"
        return f"{key}: unknown key (value {shown}); check its spelling or remove it"
    if kind == "missing":
        return f"{key}: missing; add it"
    if kind == "value_error":
        return f"{key}: {problem['ctx']['error']}"
    if kind == "literal_error" and "accept" in problem["loc"] and value in REMOVED_CHECKS:
        return f"{key}: the check {value} is made by training now; remove it from accept, or {INSTRUCTION}"
    hint = ""
    if isinstance(value, str) and kind in ("float_type", "int_type"):
        hint = "; YAML reads this as text: write a plain number"
    if kind == "bool_type":
        hint = "; write true or false"
    if isinstance(value, date):
        shown, hint = str(value), "; YAML reads this as a date"
    message = problem["msg"][:1].lower() + problem["msg"][1:]  # only the first letter: patterns have capitals
    return f"{key}: {shown} is wrong: {message}{hint}"


def read_settings(section: type[SectionType], path: Path | str) -> SectionType:
    """Read and validate one stage's settings from its YAML file."""
    return validate(section, read_yaml(path), str(path))


def section_json(section: Any) -> str:
    """A section as JSON with sorted keys, independent of the order of keys in the file."""
    return json.dumps(section_values(section), sort_keys=True)


def section_values(section: Any) -> dict[str, Any]:
    """A section as plain values, as in a YAML file."""
    values: dict[str, Any] = TypeAdapter(type(section)).dump_python(section, mode="json")
    return values
