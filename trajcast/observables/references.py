"""Shipped summaries of long reference MD: what was observed on runs that take hours, as small files.

Each folder of `md/` has `reference.json`, the record of the run, and for each frame spacing a folder with one file an
observable, as `trajcast observe` writes them. A summary stands for reference MD of the same settings only.
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
    """The settings that the distribution of an NVT run depends on; not its length, its start or its random numbers."""
    values = reference.model_dump(mode="json")
    names = ("system", "engine", "parameters", "potential", "temperature_K", "timestep_fs")
    found = {name: values[name] for name in names} | {"tau_fs": values["nvt"]["tau_fs"]}
    return found | {"npt": values["equilibration"]["npt"]}  # with it the cell is found anew in every run


def matching(
    reference: ReferenceSettings, observables: ObservableSettings, spacing_fs: float, folder: Path = FOLDER
) -> Path | None:
    """The folder of the summary made with these settings at this frame spacing; None where there is none."""
    for path in sorted(folder.glob(f"*/{RECORD}")):
        record = read_record(path)
        same = record["physics"] == physics(reference) and record["observables"] == observables.model_dump(mode="json")
        # MD made here with the same seed would share its thermostat's noise
        other_seed = record["md"].get("settings", {}).get("seed") != reference.seed
        if same and other_seed and any(abs(spacing_fs - known) < 1e-6 for known in record["spacings_fs"]):
            return path.parent
    return None


def read_record(path: Path) -> dict[str, Any]:
    """The record of a summary; UserError where it is missing or foreign."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: not a summary of reference MD; give the one of `trajcast summarize`")
    check_format(record.get("format"), MD_SUMMARY, str(path), "give the one of `trajcast summarize`")
    return record


def read_results(path: Path, spacing_fs: float) -> dict[str, Result]:
    """What was observed, at a frame spacing; `path`: the record. UserError where it has no such spacing."""
    record, folder = read_record(path), path.parent / f"{spacing_fs:g}fs"
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UserError(f"{path}: has frames {record['spacings_fs']} fs apart, not {spacing_fs:g}; give the MD itself")
    return {file.stem: load_result(file) for file in files}
