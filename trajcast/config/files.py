"""Configuration files: YAML 1.2 with unique keys, laid one over the other; and which of them a key comes from.

YAML 1.1, which most programs still read, takes NO for false, 8:30 for 510 and the last of two equal keys.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

from trajcast.core.errors import UserError, said

NOTHING = object()


@dataclass(frozen=True)
class Layers:
    """Mappings by their names (files, or --config), each laid over those before it."""

    layers: Sequence[tuple[str, Mapping[str, Any]]]

    @property
    def values(self) -> dict[str, Any]:
        """All of them together: mappings are joined, everything else is replaced."""
        together: dict[str, Any] = {}
        for _, layer in self.layers:
            _lay_over(together, layer)
        return together

    def origin(self, keys: Sequence[Any]) -> str:
        """The file or files that the value under these keys comes from, or else what stands above it."""
        for length in range(len(keys), -1, -1):
            names = [name for name, layer in self.layers if _found(layer, keys[:length]) is not NOTHING]
            if names:
                whole = any(isinstance(_found(layer, keys[:length]), Mapping) for _, layer in self.layers)
                return " with ".join(names) if whole else names[-1]
        return " with ".join(name for name, _ in self.layers)


def _lay_over(below: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping):
            under = below.get(key)
            below[key] = dict(under) if isinstance(under, Mapping) else {}
            _lay_over(below[key], value)
        else:
            below[key] = value


def _found(values: Any, keys: Sequence[Any]) -> Any:
    """What stands under these keys, or `NOTHING`."""
    for key in keys:
        try:
            values = values[key]
        except (LookupError, TypeError):
            return NOTHING
    return values


def read_yaml(path: Path | str) -> Any:
    """The content of a YAML file; UserError when it is missing, malformed, or names a key twice."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; name a YAML file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not valid YAML: {error}; save it as UTF-8") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Any:
    """What a YAML text says; UserError, begun with `where`, as for files."""
    try:
        values = YAML(typ="safe", pure=True).load(text)
        json.dumps(values, default=str)  # a mapping within itself, or lists for keys
        return values
    except YAMLError as error:
        key = getattr(error, "problem", None) or ""
        if "duplicate key" in str(key):
            mark = error.problem_mark  # type: ignore[attr-defined]
            name = text.splitlines()[mark.line].split(":")[0].strip()
            raise UserError(
                f"{where}: line {mark.line + 1}: the key {name} appears twice; remove one of the two"
            ) from None
        raise UserError(f"{where}: not valid YAML: {said(error)}") from None
    except (
        ValueError,
        TypeError,
        RecursionError,
    ) as error:  # of a date, of nesting
        raise UserError(f"{where}: not valid YAML: {said(error)}") from None


def workflow_layers(settings: Any) -> Layers:
    """What Snakemake was told, from its own settings: config.yaml, each --configfile, and --config.

    Snakemake's own reading of them is YAML 1.1, and its values of --config are text.
    """
    layers = [("config.yaml", read_mapping("config.yaml"))]
    for path in settings.configfiles or ():
        layers.append((os.path.relpath(path), read_mapping(path)))
    changes: dict[str, Any] = {}
    for entry in settings.config_args or ():
        key, _, text = str(entry).partition("=")
        if any(letter in text for letter in "\\$") or ("'" in text and '"' in text):
            raise UserError(
                f"--config {entry}: backslashes, $ and both kinds of quotes change on the way to the jobs; write it "
                "into a file and give that with --configfile"
            )
        _lay_over(changes, {key: parse_yaml(text, f"--config {entry}")})
    return Layers([*layers, ("--config", changes)] if changes else layers)


def read_mapping(path: Path | str) -> dict[str, Any]:
    """The keys of a YAML file; UserError when it holds none."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(
            f"{path}: holds {'nothing' if values is None else 'no mapping of keys to values'}; begin "
            "it with `systems:`, or leave it out"
        )
    return values


def yaml_text(values: Any) -> str:
    """Plain values as YAML, with sorted keys."""
    text = io.StringIO()
    writer: Any = YAML(typ="safe", pure=True)
    writer.default_flow_style, writer.sort_base_mapping_type_on_output = False, True
    writer.dump(values, text)
    return text.getvalue()
