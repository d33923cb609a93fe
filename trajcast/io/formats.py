"""The formats of files that TrajCast writes, each with its number, and the one place where older ones are upgraded.

A change that an older version could not read raises the number, and adds its upgrade here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py

from trajcast.core.errors import UserError


@dataclass(frozen=True)
class Format:
    """A kind of file by its words and the number of its present format; lower numbers can be read as well."""

    words: str
    number: int

    @property
    def name(self) -> str:
        """As it stands in a file: `TrajCast model 2`."""
        return f"{self.words} {self.number}"


MODEL = Format("TrajCast model", 2)
DATASET = Format("TrajCast data set", 2)
TRAJECTORY = Format("TrajCast trajectory", 2)
CHECKPOINT = Format("TrajCast checkpoint", 2)
MD_SUMMARY = Format("TrajCast reference", 1)


def check_format(found: Any, known: Format, where: str, remedy: str) -> int:
    """The number of a file's format; UserError, begun with `where`, for another kind and for a later version's."""
    match = re.fullmatch(r"(.*) (\d+)", str(found))
    if match is None or match[1] != known.words:
        raise UserError(f"{where}: not of the kind {known.words!r}; {remedy}")
    if int(match[2]) > known.number:
        raise UserError(
            f"{where}: has the format {found}, this version knows {known.name} at most; install a later TrajCast, or "
            f"{remedy}"
        )
    return int(match[2])


def dataset_spec(file: h5py.File) -> Mapping[str, h5py.Dataset]:
    """The arrays of a data set's `SystemSpec`; format 1 called the group `topology`, and `pbc` `periodic`."""
    if "spec" in file:
        return file["spec"]
    old = file["topology"]
    return {("pbc" if name == "periodic" else name): old[name] for name in old}


def model_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A model's JSON; format 1 called the number of its parameters `weights`."""
    upgraded = dict(record)
    if "weights" in upgraded and "parameters" not in upgraded:
        upgraded["parameters"] = upgraded.pop("weights")
    if isinstance(upgraded.get("provenance"), Mapping):
        upgraded["provenance"] = provenance_record(upgraded["provenance"])
    return upgraded | {"format": MODEL.name}


def provenance_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of a result; before format 2 of trajectories rollouts were called forecasts."""
    upgraded = dict(record)
    if upgraded.get("stage") == "forecast":
        upgraded["stage"] = "rollout"
    return upgraded


def checkpoint_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a training's checkpoint holds; format 1 has no number, and other names."""
    if "format" in values:
        return {name: value for name, value in values.items() if name != "format"}
    schedule = dict(values["schedule"])
    if "own_steps" in schedule:
        schedule["multistep"] = schedule.pop("own_steps")
    return {**values, "schedule": schedule}
