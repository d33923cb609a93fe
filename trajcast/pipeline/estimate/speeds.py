"""Times of single steps, looked up in the table of measured speeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.io.packaged import packaged_table

PAPER = NetworkSettings()
FLOAT64 = 2.0  # times float32 on a CPU: half as many numbers in a register; the authors' code has 1.8 to 2.4
COMPONENTS = {1: 22, 2: 102}  # numbers in a message of one channel: all products of features with harmonics up to l_max


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a system is for a network and for MD."""

    kind: str  # a potential of trajcast/reference/potentials/, or the file of trajcast/reference/systems/
    atoms: int
    edges: int  # neighbours within the cutoff, over all atoms


@cache
def table() -> list[dict[str, str]]:
    """The rows of speeds.csv."""
    return packaged_table("trajcast.pipeline.estimate", "speeds")


def machines(device: str) -> list[str]:
    """What the speeds of a device (`cpu` or `gpu`) were measured on."""
    return list(dict.fromkeys(row["machine"] for row in table() if row["device"] == device))


def network_seconds(device: str, task: str, size: Size, training: TrainingSettings) -> float:
    """Seconds of one system in one step of a `rollout`, or of `training` as part of a batch, on `cpu` or `gpu`.

    Linear between the measured numbers of edges; another network counts as more or fewer edges, in proportion to the
    length of its messages. Below the smallest measured case a step takes as long as that.
    """
    rows = sorted((float(row["edges"]), float(row["ms"])) for row in table() if _is(row, device=device, task=task))
    edges, ms = np.array(rows).T
    wanted = size.edges * _work(training.network) / _work(PAPER)
    slope = (ms[-1] - ms[-2]) / (edges[-1] - edges[-2])
    found = np.interp(wanted, edges, ms) + max(0.0, wanted - edges[-1]) * slope
    factor = FLOAT64 if device == "cpu" and training.dtype == "float64" else 1.0
    return float(found) * factor / 1000


def md_seconds(size: Size) -> float:
    """Seconds of one step of reference MD; that of an unknown system by its number of atoms, as if it were water."""
    rows = {row["case"]: row for row in table() if _is(row, task="md")}
    row = rows.get(size.kind, rows["liquid"])
    return float(row["ms"]) / 1000 * size.atoms / float(row["atoms"])


def frame_seconds() -> float:
    """Seconds that reference MD takes to write one frame."""
    return next(float(row["ms"]) for row in table() if _is(row, task="frame")) / 1000


def _is(row: Mapping[str, str], **values: str) -> bool:
    return all(row[key] == value for key, value in values.items())


def _work(network: NetworkSettings) -> float:
    """What is computed for an edge: the numbers of its messages in all layers."""
    components = COMPONENTS.get(network.l_max, COMPONENTS[2] * (network.l_max / 2) ** 5)
    return network.layers * network.channels * components
