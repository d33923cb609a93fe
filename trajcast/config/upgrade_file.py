"""Upgrade of configuration files of earlier versions, as text.

Only what has to change is edited, so that comments, quotes, indentation and line ends stay; the edited text must give
what `upgrade` gives for its values.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.nodes import MappingNode

from trajcast.config.files import parse_yaml, read_yaml
from trajcast.config.former import REMOVED_CHECKS, RENAMED_KEYS
from trajcast.config.upgrade import Keys, datasets, dotted, renames, unshared, upgrade
from trajcast.core.errors import UserError
from trajcast.io.files import atomic_write


def upgrade_file(path: Path) -> list[str]:
    """Rewrite a configuration file with the present names; returns one line per change.

    Raises:
        UserError: The file is missing, malformed or not writable, or upgrading would lose a value; it stays as it is.
    """
    values = read_yaml(path)
    if not isinstance(values, MutableMapping):
        raise UserError(f"{path}: holds no mapping of keys to values; give a configuration or one stage's settings")
    upgraded = unshared(values)
    changes = upgrade(upgraded, str(path))
    if not changes:
        return []
    try:
        text = _edited(path.read_bytes().decode("utf-8"), values, upgraded)
        found = parse_yaml(text, str(path))
    except (YAMLError, UserError, LookupError, TypeError, AttributeError, ValueError):
        found = None
    if not isinstance(found, MutableMapping) or found.get("systems", found) != upgraded.get("systems", upgraded):
        raise UserError(f"{path}: cannot be edited without changing more; edit it yourself: {'; '.join(changes)}")
    if not os.access(path, os.W_OK):
        raise UserError(f"{path}: may not be written; change its permissions")
    with atomic_write(path.resolve()) as aside:
        aside.write_bytes(text.encode("utf-8"))
        shutil.copymode(path, aside)
    return changes


def _edited(text: str, values: Any, upgraded: Any) -> str:
    """The text of `values` edited so that it gives `upgraded`."""
    root = _root(text)
    edits = {}
    for keys, _, old in renames(values):
        for _, key, _ in _entries(_at(root, keys), old):
            start, end = key.start_mark.index, key.end_mark.index
            edits[start, end] = text[start:end].replace(old, RENAMED_KEYS[old])
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    comments: dict[str, str] = {}  # on the cutoff of each system
    for keys, _ in datasets(values):
        for _, key, value in _entries(_at(_root(text), keys), "cutoff_A"):
            start, end, _ = _span(text, key, value)
            comment = re.compile(r"[ \t]*,?[ \t]*(#[^\r\n]*)?").match(text, end)
            comments.setdefault(dotted(*keys[1:2]), (comment[1] or "") if comment else "")
            if anchor := re.match(r"&(\S+)\s+(\S+)$", text[start:end]):  # which is removed with the cutoff
                name, number = re.escape(anchor[1]), anchor[2]
                text = re.sub(rf"(?<=[\s\[{{,])\*{name}(?=[\s\]}},]|$)", number, text[:start] + number + text[end:])
                break
    for keys, _ in datasets(values):
        while entries := list(_entries(_at(_root(text), keys), "cutoff_A")):
            owner, key, value = entries[0]
            spans = [(k.start_mark.index, _span(text, k, v)[1]) for k, v in owner.value]
            text = _without(text, spans, [k for k, _ in owner.value].index(key), owner.flow_style, "{}")
        text = _without_checks(text, keys)
    for name, system in (upgraded.get("systems") or {}).items():
        present = parse_yaml(text, "")["systems"][name]
        if _cutoff(present) != _cutoff(system):
            text = _with_cutoff(text, _at(_root(text), ("systems", name)), system, comments.get(str(name), ""))
    return text


def _root(text: str) -> Any:
    return YAML(typ="safe", pure=True).compose(text)


def _at(node: Any, keys: Keys) -> Any:
    for key in keys:
        node = next(_entries(node, key))[2]
    return node


def _entries(node: Any, name: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Entries of a key as (mapping, key, value): that of the mapping itself, then those that it merges."""
    for key, value in node.value:
        if key.value == str(name) and not key.tag.endswith(":merge"):
            yield node, key, value
    for key, value in node.value:
        if key.tag.endswith(":merge"):
            for merged in [value] if isinstance(value, MappingNode) else value.value:
                yield from _entries(merged, name)


def _span(text: str, key: Any, value: Any) -> tuple[int, int, bool]:
    """Where the value of a key stands, and whether it is an alias."""
    if alias := re.compile(r"\s*:\s+(\*[^\s,\[\]{}]+)").match(text, key.end_mark.index):
        return *alias.span(1), True
    if value.start_mark.index == value.end_mark.index:  # nothing, which is null
        end = text.index(":", key.end_mark.index) + 1
        return end, end, False
    return value.start_mark.index, value.end_mark.index, False


def _without(text: str, spans: Sequence[tuple[int, int]], place: int, is_flow: bool, empty: str) -> str:
    """Remove one entry of a mapping or a list, with the comment after it; `empty` is written if none is left."""
    start, end = spans[place]
    if not is_flow and empty == "[]":
        start = text.rindex("-", 0, start)
    after = re.compile(r"[ \t]*,?[ \t]*(#[^\r\n]*)?" if is_flow else r"[ \t]*(#[^\r\n]*)?").match(text, end)
    if is_flow and after and "," not in after[0]:
        start = len(re.sub(r",[ \t]*$", "", text[:start]))
    end = after.end() if after else end
    line = text.rfind("\n", 0, start) + 1
    only = not is_flow and len(spans) == 1
    if not text[line:start].strip() and (rest := re.compile(r"\r?\n|$").match(text, end)):
        above = text[:line].rstrip()
        if only and re.search(r":([ \t]+&\S+)?$", above):
            return f"{above} {empty}{text[len(above) : line]}{text[rest.end() :]}"
        if not only:
            return text[:line] + text[rest.end() :]
    return text[:start] + (empty if only else "") + text[end:]


def _without_checks(text: str, keys: Keys) -> str:
    """Remove former checks from `accept` of a data set."""
    while entry := next(_entries(_at(_root(text), keys), "accept"), None):
        items = entry[2].value if isinstance(entry[2].value, list) else []
        places = [place for place, item in enumerate(items) if item.value in REMOVED_CHECKS]
        if not places:
            break
        spans = [(item.start_mark.index, item.end_mark.index) for item in items]
        text = _without(text, spans, places[0], entry[2].flow_style, "[]")
    return text


def _cutoff(system: Any) -> Any:
    """The cutoff of a system's network, in a list; an empty list if there is none."""
    for key in ("training", "network", "cutoff_A"):
        if not isinstance(system, MutableMapping) or key not in system:
            return []
        system = system[key]
    return [system]


def _with_cutoff(text: str, node: Any, values: Any, comment: str) -> str:
    """Give a system the cutoff in `values`, or none, without changing blocks that it shares with others."""
    for key in ("training", "network", "cutoff_A"):
        merges = [(k, v) for k, v in node.value if k.tag.endswith(":merge")]
        own = [(k, v) for k, v in node.value if k.value == key]
        if key not in values and merges:  # write out what is merged, but for this key
            kept = {k: v for k, v in values.items() if k not in [k.value for k, _ in node.value]}
            start, end = merges[0][0].start_mark.index, _span(text, *merges[0])[1]
            return text[:start] + _dump(text, node, kept).lstrip(" ") + text[end:]
        if not own:
            return _insert(text, node, {key: values[key]}, comment)
        start, end, is_alias = _span(text, *own[0])
        if is_alias or not isinstance(own[0][1], MappingNode):
            block, inner = values[key], "network" if key == "training" else "cutoff_A"
            if node.flow_style:
                return f"{text[:start].rstrip(' ')} {_dump(text, node, {key: block})[len(key) + 2 :]}{text[end:]}"
            if is_alias and inner in block:
                block = {"<<": text[start:end], inner: block[inner]}
            eol = end + len((text[end:].splitlines() or [""])[0])
            lines = _commented(_dump(text, node, {key: block}), comment).splitlines(keepends=True)[1:]
            return text[:start].rstrip(" ") + text[end:eol] + _newline(text) + "".join(lines) + text[eol:]
        node, values = own[0][1], values[key]
    return text


def _insert(text: str, node: Any, values: Any, comment: str) -> str:
    """Insert entries as the first ones of a mapping; a comment in the line of a flow mapping goes above that line."""
    if node.flow_style:
        start = text.index("{", node.start_mark.index) + 1
        line = text.rfind("\n", 0, start) + 1
        indent = re.compile(r"[ \t]*").match(text, line)
        above = f"{indent[0] if indent else ''}{comment}{_newline(text)}" if comment else ""
        entry = _dump(text, node, values) + (", " if node.value else "")
        return text[:line] + above + text[line:start] + entry + text[start:]
    lines = text[: text.rfind("\n", 0, node.value[0][0].start_mark.index) + 1].splitlines(keepends=True)
    while lines and re.match(r"\s*(#|$)", lines[-1]):  # comments above the first key stay there
        lines.pop()
    line = sum(map(len, lines))
    return text[:line] + _commented(_dump(text, node, values), comment) + _newline(text) + text[line:]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _commented(block: str, comment: str) -> str:
    return re.sub(r"(?m)^(\s*cutoff_A: [^\r\n]*)", lambda m: f"{m[1]} {comment}", block) if comment else block


def _dump(text: str, node: Any, values: Any) -> str:
    """Entries as text that fits into a mapping."""
    if node.flow_style:
        return _flow(values)
    root = _root(text)
    first = next((key for _, value in root.value for key, _ in value.value if value.flow_style is False), None)
    step = (first.start_mark.column if first else 0) or 2
    return _newline(text).join(_lines(values, node.value[0][0].start_mark.column, step))


def _lines(values: Any, indent: int, step: int) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, MutableMapping) and value:
            yield f"{' ' * indent}{_flow({key: None})[: -len(' null')]}"
            yield from _lines(value, indent + step, step)
        else:
            yield " " * indent + (f"<<: {value}" if key == "<<" else _flow({key: value}))


def _flow(values: Any) -> str:
    """Entries in one line, without braces."""
    out = io.StringIO()
    writer: Any = YAML(typ="safe", pure=True)
    writer.default_flow_style, writer.sort_base_mapping_type_on_output, writer.width = True, False, 10**6
    writer.dump(values, out)
    return out.getvalue().strip()[1:-1]
