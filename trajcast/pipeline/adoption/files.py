"""Files of 0.1.0 with their present names and keys."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trajcast.config.files import read_yaml, yaml_text
from trajcast.config.upgrade import upgrade
from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.io.files import write_json, write_text
from trajcast.io.formats import errors_record, model_record, speed_record, summary_record

FORMER_NAMES = (  # of files and folders that begin with `forecast`, now `rollout`
    "results/*/runs/*/forecast*",
    "results/*/runs/*/observables/forecast",
    "results/*/*fs/*/same_start/forecast*",
    "results/*/*fs/*/cooling/forecast*",
    "logs/*/runs/*/forecast*",
    "logs/*/*fs/*/cooling/forecast*",
)
RECORDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    layout.MODEL_RECORD: model_record,
    layout.TEST: errors_record,
    layout.SUMMARY: summary_record,
    layout.SPEED: speed_record,
}
TRAINING_SETTINGS = f"{layout.TRAINED_FOLDER}/{layout.TRAINING_SETTINGS_FILE}"
SETTINGS = (
    layout.DATASET_SETTINGS,
    TRAINING_SETTINGS,
    layout.ROLLOUT_SETTINGS,
    layout.SAME_START_SETTINGS,
    layout.THERMOSTAT_SETTINGS,
    layout.SPEED_SETTINGS,
    layout.COOLED_SETTINGS,
)


def found(pattern: str) -> list[Path]:
    """All files of a pattern of the layout."""
    return sorted(Path().glob(re.sub(r"\{\w+\}", "*", pattern)))


def rename_files() -> int:
    """Give files and folders their present names; returns how many."""
    paths = [path for pattern in FORMER_NAMES for path in sorted(Path().glob(pattern))]
    for path in paths:
        path.rename(path.with_name(path.name.replace("forecast", "rollout", 1)))
    return len(paths)


def upgrade_files() -> int:
    """Rewrite records and settings with the present keys; returns how many."""
    count = 0
    for pattern, convert in RECORDS.items():
        for path in found(pattern):
            count += _rewrite(path, _read_json(path), convert, write_json)
    for path in found(TRAINING_SETTINGS):  # before the data sets' settings lose the cutoff
        count += _rewrite(path, read_yaml(path), _with_cutoff(path), _write_yaml)
    for path in [path for pattern in SETTINGS for path in found(pattern)]:
        count += _rewrite(path, read_yaml(path), _present_keys(path), _write_yaml)
    for ramp in sorted(Path().glob("results/*/cooling/ramp.yaml")):  # each MD run now has its own settings file
        for trajectory in sorted(ramp.parent.glob("md-s*.h5md")):
            copy = trajectory.with_suffix(".yaml")
            write_text(copy, ramp.read_text(encoding="utf-8"))
            _set_time(copy, ramp.stat().st_mtime_ns)
        ramp.unlink()
        count += 1
    return count


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); remove it, so that it is made again") from None


def _rewrite(path: Path, values: Any, convert: Callable[[Any], Any], write: Callable[[Path, Any], None]) -> int:
    upgraded = convert(values) if isinstance(values, dict) else values
    if upgraded == values:
        return 0
    with _keep_time(path):
        write(path, upgraded)
    return 1


def _with_cutoff(path: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Conversion of training settings: adds the cutoff, formerly a setting of the data set."""
    dataset = path.parent.parent / Path(layout.DATASET_SETTINGS).name

    def convert(values: dict[str, Any]) -> dict[str, Any]:
        network = dict(values.get("network") or {})
        if "cutoff_A" not in network and dataset.exists():
            network["cutoff_A"] = (read_yaml(dataset) or {}).get("cutoff_A")
        return {**values, "network": network} if network.get("cutoff_A") is not None else values

    return convert


def _present_keys(path: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def convert(values: dict[str, Any]) -> dict[str, Any]:
        copied: dict[str, Any] = json.loads(json.dumps(values))
        upgrade(copied, str(path))
        return copied

    return convert


def _write_yaml(path: Path, values: Any) -> None:
    write_text(path, yaml_text(values))


@contextmanager
def _keep_time(path: Path) -> Iterator[None]:
    """Keep the modification time, which Snakemake compares with that of the input."""
    time_ns = path.stat().st_mtime_ns
    yield
    _set_time(path, time_ns)


def _set_time(path: Path, time_ns: int) -> None:
    os.utime(path, ns=(time_ns, time_ns))
