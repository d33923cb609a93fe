"""Version numbers of TrajCast's file formats, and upgrades of older ones.

A change that older versions cannot read increments the number and adds an upgrade here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trajcast.core.errors import UserError

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class Format:
    """Kind of a file and its current format number; files with lower numbers can be read, too."""

    words: str
    number: int

    @property
    def name(self) -> str:
        """The name stored in files: `TrajCast model 2`."""
        return f"{self.words} {self.number}"


MODEL = Format("TrajCast model", 2)
DATASET = Format("TrajCast data set", 2)
TRAJECTORY = Format("TrajCast trajectory", 2)
CHECKPOINT = Format("TrajCast checkpoint", 2)
MD_SUMMARY = Format("TrajCast reference", 2)


def check_format(found: Any, known: Format, where: str, remedy: str) -> int:
    """Check the format stored in a file, and return its number.

    Args:
        found: The stored name, if any.
        where: Beginning of the error message: the file.
        remedy: What to do about a file of another kind or of a newer version.

    Raises:
        UserError: If the file is of another kind, or its format is newer than this version of TrajCast.
    """
    match = re.fullmatch(r"(.*) (\d+)", str(found))
    if match is None or match[1] != known.words:
        raise UserError(f"{where}: not a {known.words} file; {remedy}")
    if int(match[2]) > known.number:
        raise UserError(
            f"{where}: has format {found}, but this version reads {known.name} at most; install a newer TrajCast, "
            f"or {remedy}"
        )
    return int(match[2])


def dataset_spec(file: h5py.File) -> Mapping[str, h5py.Dataset]:
    """The arrays of a data set's `SystemSpec`; format 1 called the group `topology` and named `pbc` `periodic`."""
    if "spec" in file:
        return file["spec"]
    old = file["topology"]
    return {("pbc" if name == "periodic" else name): old[name] for name in old}


def model_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A model's JSON in the current format; format 1 called the number of parameters `weights`."""
    upgraded = dict(record)
    if "weights" in upgraded and "parameters" not in upgraded:
        upgraded["parameters"] = upgraded.pop("weights")
    totals = upgraded["scales"].get("totals") if isinstance(upgraded.get("scales"), Mapping) else None
    if isinstance(totals, Mapping) and "turning" in totals:
        totals = {("conserve_angular_momentum" if name == "turning" else name): v for name, v in totals.items()}
        upgraded["scales"] = {**upgraded["scales"], "totals": totals}
    if isinstance(upgraded.get("provenance"), Mapping):
        upgraded["provenance"] = provenance_record(upgraded["provenance"])
    return upgraded | {"format": MODEL.name}


def provenance_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance in the current format; before trajectory format 2 the stage `rollout` was called `forecast`."""
    upgraded = dict(record)
    if upgraded.get("stage") == "forecast":
        upgraded["stage"] = "rollout"
    if "ensemble" in upgraded and "canonical_temperature_K" not in upgraded:  # 0.1.0 recorded only a description
        canonical = upgraded["ensemble"].startswith("NVT") and ", to " not in upgraded["ensemble"]
        upgraded["canonical_temperature_K"] = upgraded.get("settings", {}).get("temperature_K") if canonical else None
    return upgraded


def checkpoint_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Contents of a training checkpoint in the current format; format 1 has no number and other names."""
    if "format" in values:
        return {name: value for name, value in values.items() if name != "format"}
    schedule = dict(values["schedule"])
    if "own_steps" in schedule:
        schedule["multistep"] = schedule.pop("own_steps")
    return {**values, "schedule": schedule}


def speed_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The result of `trajcast speed`; 0.1.0 called the number of parameters `weights`."""
    return {("parameters" if name == "weights" else name): value for name, value in record.items()}


def errors_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The test errors of a model; 0.1.0 called the errors of repeated steps `own_steps`."""
    return {("repeated_steps" if name == "own_steps" else name): value for name, value in record.items()}


def summary_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict table of `trajcast observe`; 0.1.0 called rollouts forecasts."""

    def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name.replace("forecast", "rollout"): value for name, value in values.items()}

    upgraded = dict(record)
    if isinstance(upgraded.get("frames"), Mapping):
        upgraded["frames"] = renamed(upgraded["frames"])
    if isinstance(upgraded.get("rows"), list):
        upgraded["rows"] = [renamed(row) if isinstance(row, Mapping) else row for row in upgraded["rows"]]
    return upgraded


SCALAR_KEYS = {  # 0.1.0 identified quantities only by their displayed names
    r"T of (?:all atoms)": "temperature.all atoms",
    r"T of (\w+)": r"temperature.\1",
    r"width of T": "temperature_width",
    r"mean potential energy": "energy",
    r"width of the potential energy": "energy_width",
    r"D of (\w+) \(MSD, .*\)": r"diffusion.\1",
    r"D of (\w+) \(STACIE\)": r"diffusion_stacie.\1",
    r"q of (\w+)": r"order.\1",
    r"barrier of (.+)": r"barrier.\1",
}


def scalar_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """One number of an observable's result, with the key by which other code finds it."""
    if "key" in record:
        return dict(record)
    name = str(record["name"])
    keys = (match.expand(key) for pattern, key in SCALAR_KEYS.items() if (match := re.fullmatch(pattern, name)))
    return {"key": next(keys, name), **record}
