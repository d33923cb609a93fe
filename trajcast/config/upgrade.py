"""Upgrade of the plain values of a configuration of an earlier version to the present names."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from trajcast.config.former import REMOVED_CHECKS, RENAMED_KEYS
from trajcast.core.errors import UserError

Keys = tuple[Any, ...]
PLACES = (  # of the former keys, the innermost first; "" is the top level of one stage's settings
    ("zero_momenta_every", ("systems.*.runs.*.forecast", "systems.*.runs.*.rollout")),
    ("zero_momenta_every", ("systems.*.forecast", "systems.*.rollout", "")),
    ("own_steps", ("systems.*.training", "")),
    ("forecast", ("systems.*.runs.*", "systems.*")),
)


def upgrade(values: MutableMapping[str, Any], where: str) -> list[str]:
    """Rename keys of a configuration or of one stage's settings in place; returns one line per change.

    Args:
        values: Plain values, of which no two parts are the same object.
        where: Origin of the values, for messages.

    Raises:
        UserError: Both the former and the present key exist.
    """
    found = renames(values)
    for keys, mapping, old in found:
        if RENAMED_KEYS[old] in mapping:
            raise UserError(
                f"{where}: {dotted(*keys, old)} is now called {RENAMED_KEYS[old]}, which is also present; remove one"
            )
    changes = []
    for keys, dataset in datasets(values):
        if "cutoff_A" in dataset and keys:
            present = f"{dotted(*keys[:2])}.training.network.cutoff_A"
            system, cutoff_A = values["systems"][keys[1]], dataset.pop("cutoff_A")
            network = _section(_section(system, "training"), "network")
            if network.setdefault("cutoff_A", cutoff_A) != cutoff_A:
                raise UserError(
                    f"{where}: {dotted(*keys)}.cutoff_A is now {present}, which is also present; remove one"
                )
            changes.append(f"{dotted(*keys)}.cutoff_A → {present}")
        elif "cutoff_A" in dataset:
            cutoff_A = dataset.pop("cutoff_A")
            changes.append(
                f"cutoff_A {cutoff_A} removed: it now belongs to the model; set it as network.cutoff_A of the training"
            )
        if isinstance(accept := dataset.get("accept"), list):
            for check in [check for check in accept if check in REMOVED_CHECKS]:
                accept.remove(check)
                changes.append(f"{dotted(*keys, 'accept')}: {check} removed: this check is made by training now")
    for keys, mapping, old in found:
        items = [(RENAMED_KEYS[old] if key == old else key, value) for key, value in mapping.items()]
        mapping.clear()
        mapping.update(items)
        changes.append(f"{dotted(*keys, old)} → {dotted(*keys, RENAMED_KEYS[old])}")
    return changes


def renames(values: Any) -> list[tuple[Keys, Any, str]]:
    """Sections with a former key: their keys, their values and the former key."""
    places = ((old, pattern) for old, patterns in PLACES for pattern in patterns)
    found = [(*section, old) for old, pattern in places for section in _sections(values, pattern)]
    return [(keys, mapping, old) for keys, mapping, old in found if old in mapping]


def datasets(values: Any) -> list[tuple[Keys, Any]]:
    stage = [(keys, mapping) for keys, mapping in _sections(values, "") if "samples" in mapping]
    return [*_sections(values, "systems.*.dataset"), *stage]


def _sections(values: Any, pattern: str) -> Iterator[tuple[Keys, Any]]:
    """Keys and values of the mappings that match a pattern; `*` stands for any name."""
    if not pattern:
        if "systems" not in values:
            yield (), values
        return
    found: list[tuple[Keys, Any]] = [((), values)]
    for part in pattern.split("."):
        inner = [((*k, key), value) for k, m in found for key, value in m.items() if part in ("*", key)]
        found = [(keys, value) for keys, value in inner if isinstance(value, MutableMapping)]
    yield from found


def _section(parent: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """The section `name`, created if missing."""
    if not isinstance(parent.get(name), MutableMapping):
        parent[name] = {}
    section: MutableMapping[str, Any] = parent[name]
    return section


def dotted(*keys: Any) -> str:
    return ".".join(map(str, keys))


def unshared(values: Any) -> Any:
    """A copy in which no two parts are the same object, as they are where the file has aliases."""
    if isinstance(values, MutableMapping):
        return {key: unshared(value) for key, value in values.items()}
    return [unshared(value) for value in values] if isinstance(values, list) else values


# ---- the text: nodes know their positions; an alias is the node of its anchor
