"""Shipped summaries of long reference MD: observables of runs that take hours, as small files.

Each folder of `md/` has `reference.json`, the record of the run, and for each frame spacing a folder with one file per
observable, as `trajcast observe` writes them. A summary replaces only reference MD with the same settings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trajcast import shipped
from trajcast.config.schema import ObservableSettings, ReferenceSettings
from trajcast.core.errors import UserError
from trajcast.io.formats import MD_SUMMARY, check_format
from trajcast.observables.result import Result, load_result

RECORD = "reference.json"
FOLDER = shipped.FOLDER / "md"


def physics(reference: ReferenceSettings) -> dict[str, Any]:
    """Settings that determine the distribution of an NVT run, as opposed to its length, start or random numbers."""
    values = reference.model_dump(mode="json")
    names = ("system", "engine", "parameters", "potential", "temperature_K", "timestep_fs")
    settings = {name: values[name] for name in names} | {"tau_fs": values["nvt"]["tau_fs"]}
    return settings | {"npt": values["equilibration"]["npt"]}  # with NPT, every run determines its own cell


def matching(
    reference: ReferenceSettings, observables: ObservableSettings, spacing_fs: float, folder: Path = FOLDER
) -> Path | None:
    """Folder of the summary made with these settings at this frame spacing; None if absent."""
    for path in sorted(folder.glob(f"*/{RECORD}")):
        record = read_record(path)
        same = record["physics"] == physics(reference) and record["observables"] == observables.model_dump(mode="json")
        # MD made here with the same seed would share its thermostat's noise
        other_seed = record["md"].get("settings", {}).get("seed") != reference.seed
        if same and other_seed and any(abs(spacing_fs - known) < 1e-6 for known in record["spacings_fs"]):
            return path.parent
    return None


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a summary; UserError if it is missing or not a record."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: not a summary of reference MD; give one made by `trajcast summarize`")
    check_format(record.get("format"), MD_SUMMARY, str(path), "give one made by `trajcast summarize`")
    return record


def read_results(path: Path, spacing_fs: float) -> dict[str, Result]:
    """Read the results at a frame spacing from a summary with the record `path`; UserError without such a spacing."""
    record, folder = read_record(path), path.parent / f"{spacing_fs:g}fs"
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UserError(f"{path}: has frames {record['spacings_fs']} fs apart, not {spacing_fs:g}; give the MD itself")
    return {file.stem: load_result(file) for file in files}
