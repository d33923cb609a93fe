"""Upgrade of configuration files of earlier versions to the present names."""

from __future__ import annotations

import io
from collections.abc import Iterator, MutableMapping
from copy import copy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

from trajcast.config.former import REMOVED_CHECKS, RENAMED_KEYS
from trajcast.core.errors import UserError, said
from trajcast.io.files import write_text


def upgrade_file(path: Path) -> list[str]:
    """Rewrite a configuration file with the present names, keeping comments; returns one line per change.

    Raises:
        UserError: The file is missing or malformed, or upgrading would lose a value.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.representer.add_representer(type(None), _null)
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.load(text)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, YAMLError, ValueError) as error:
        raise UserError(f"{path}: not valid YAML: {said(error)}") from None
    if not isinstance(values, MutableMapping):
        raise UserError(f"{path}: holds no mapping of keys to values; give a configuration or one stage's settings")
    changes = upgrade(values, str(path))
    if changes:
        dashes = any(line.lstrip().startswith("- ") for line in text.splitlines())
        yaml.indent(mapping=2, sequence=4 if dashes else 2, offset=2 if dashes else 0)
        upgraded = io.StringIO()
        yaml.dump(values, upgraded)
        write_text(path, upgraded.getvalue())
    return changes


def upgrade(values: MutableMapping[str, Any], where: str) -> list[str]:
    """Rename keys of a configuration or of one section in place; returns one line per change.

    Raises:
        UserError: Both the former and the present key exist.
    """
    changes: list[str] = []
    systems = values.get("systems")
    blocks = systems if isinstance(systems, MutableMapping) else {}
    cutoffs = {
        name: block["dataset"]["cutoff_A"]
        for name, block in blocks.items()
        if isinstance(block, MutableMapping)
        and isinstance(block.get("dataset"), MutableMapping)
        and "cutoff_A" in block["dataset"]
    }
    for name, cutoff_A in cutoffs.items():
        block = blocks[name]
        training = _section(block, "training")
        network = _section(training, "network")
        if network.get("cutoff_A", cutoff_A) != cutoff_A:  # a YAML anchor shares the block with another system
            training = block["training"] = copy(training)
            network = training["network"] = copy(network)
        network["cutoff_A"] = cutoff_A
        _move_comment(block["dataset"], network, "cutoff_A")
        block["dataset"].pop("cutoff_A", None)
        changes.append(f"systems.{name}.dataset.cutoff_A → systems.{name}.training.network.cutoff_A")
    if "systems" not in values and "samples" in values and (cutoff_A := values.pop("cutoff_A", None)) is not None:
        changes.append(
            f"cutoff_A {cutoff_A} removed: it now belongs to the model; set it as network.cutoff_A of the training"
        )
    for keys, mapping in _mappings(values, ()):
        for key in [key for key in mapping if key in RENAMED_KEYS]:
            new = RENAMED_KEYS[key]
            if new in mapping:
                raise UserError(
                    f"{where}: {'.'.join((*keys, key))} is now called {new}, which is also present; remove one"
                )
            _rename(mapping, key, new)
            changes.append(f"{'.'.join((*keys, key))} → {'.'.join((*keys, new))}")
        if keys[-1:] == ("dataset",) and isinstance(accept := mapping.get("accept"), list):
            for check in [check for check in accept if check in REMOVED_CHECKS]:
                accept.remove(check)
                changes.append(f"{'.'.join(keys)}.accept: {check} removed: no longer a check of data sets")
    return changes


def _null(writer: Any, _: None) -> Any:
    """Write null explicitly: an empty value looks forgotten."""
    return writer.represent_scalar("tag:yaml.org,2002:null", "null")


def _section(parent: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """The section `name`, created if missing."""
    if not isinstance(parent.get(name), MutableMapping):
        parent[name] = type(parent)()
    section: MutableMapping[str, Any] = parent[name]
    return section


def _mappings(
    values: MutableMapping[str, Any], keys: tuple[str, ...], visited: set[int] | None = None
) -> Iterator[tuple[tuple[str, ...], MutableMapping[str, Any]]]:
    """All nested mappings with their keys; one that YAML anchors share appears only at its first place."""
    visited = set() if visited is None else visited
    if id(values) in visited:
        return
    visited.add(id(values))
    for key, value in list(values.items()):
        if isinstance(value, MutableMapping):
            yield from _mappings(value, (*keys, str(key)), visited)
    yield keys, values


def _move_comment(source: Any, target: Any, key: str) -> None:
    """Take the comment on a key along to another mapping."""
    of_source, of_target = getattr(source, "ca", None), getattr(target, "ca", None)
    if of_source is not None and of_target is not None and key in of_source.items:
        of_target.items[key] = of_source.items.pop(key)


def _rename(mapping: MutableMapping[str, Any], old: str, new: str) -> None:
    """Rename a key, keeping its position and comments."""
    place = list(mapping).index(old)
    value = mapping.pop(old)
    if hasattr(mapping, "insert"):
        mapping.insert(place, new, value)
        if (comments := getattr(mapping, "ca", None)) is not None and old in comments.items:
            comments.items[new] = comments.items.pop(old)
    else:
        rest = list(mapping.items())[place:]
        for key, _ in rest:
            del mapping[key]
        mapping[new] = value
        mapping.update(rest)
