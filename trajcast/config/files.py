"""Configuration files: YAML 1.2 with unique keys, merged in layers that remember where each key comes from.

YAML 1.1, which most programs still read, parses NO as false and 8:30 as 510, and keeps the last of two equal keys.
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
    """Named mappings (files, or --config), each merged over the previous ones."""

    layers: Sequence[tuple[str, Mapping[str, Any]]]

    @property
    def values(self) -> dict[str, Any]:
        """The merged layers: mappings are merged, everything else is replaced."""
        merged: dict[str, Any] = {}
        for _, layer in self.layers:
            _merge(merged, layer)
        return merged

    def origin(self, keys: Sequence[Any]) -> str:
        """Name of the layer or layers that set the value of these keys, or else its nearest parent."""
        for length in range(len(keys), -1, -1):
            names = [name for name, layer in self.layers if _value(layer, keys[:length]) is not NOTHING]
            if names:
                is_mapping = any(isinstance(_value(layer, keys[:length]), Mapping) for _, layer in self.layers)
                return " with ".join(names) if is_mapping else names[-1]
        return " with ".join(name for name, _ in self.layers)


def _merge(merged: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Merge `layer` into `merged`, in place."""
    for key, value in layer.items():
        if isinstance(value, Mapping):
            previous = merged.get(key)
            merged[key] = dict(previous) if isinstance(previous, Mapping) else {}
            _merge(merged[key], value)
        else:
            merged[key] = value


def _value(values: Any, keys: Sequence[Any]) -> Any:
    """Value of nested keys, or `NOTHING`."""
    for key in keys:
        try:
            values = values[key]
        except (LookupError, TypeError):
            return NOTHING
    return values


def read_yaml(path: Path | str) -> Any:
    """Content of a YAML file.

    Raises:
        UserError: The file is missing or malformed, or a key is duplicated.
    """
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
    """Content of a YAML text; errors are those of `read_yaml` and begin with `where`."""
    try:
        values = YAML(typ="safe", pure=True).load(text)
        json.dumps(values, default=str)  # fails for a mapping within itself, or lists as keys
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
    except (ValueError, TypeError, RecursionError) as error:  # wrong dates, keys that are lists, deep nesting
        raise UserError(f"{where}: not valid YAML: {said(error)}") from None


def workflow_layers(settings: Any) -> Layers:
    """Layers of the workflow's configuration: config.yaml, each --configfile, and --config.

    They are read here because Snakemake itself reads YAML 1.1 and takes the values of --config as text.

    Args:
        settings: Snakemake's `ConfigSettings`.
    """
    layers = [("config.yaml", read_mapping("config.yaml"))]
    for path in settings.configfiles or ():
        layers.append((os.path.relpath(path), read_mapping(path)))
    changes: dict[str, Any] = {}
    for entry in settings.config_args or ():
        key, _, text = str(entry).partition("=")
        if any(letter in text for letter in "\\$") or ("'" in text and '"' in text):
            raise UserError(
                f"--config {entry}: backslashes, $ and both kinds of quotes do not reach the jobs unchanged; write "
                "it to a file and pass that with --configfile"
            )
        _merge(changes, {key: parse_yaml(text, f"--config {entry}")})
    return Layers([*layers, ("--config", changes)] if changes else layers)


def read_mapping(path: Path | str) -> dict[str, Any]:
    """Keys and values of a YAML file.

    Raises:
        UserError: The file does not hold a mapping.
    """
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(
            f"{path}: holds {'nothing' if values is None else 'no mapping of keys to values'}; begin "
            "it with `systems:`, or leave it out"
        )
    return values


def yaml_text(values: Any) -> str:
    """Plain values as YAML with sorted keys."""
    text = io.StringIO()
    writer: Any = YAML(typ="safe", pure=True)
    writer.default_flow_style, writer.sort_base_mapping_type_on_output = False, True
    writer.dump(values, text)
    return text.getvalue()
