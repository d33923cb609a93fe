"""Times of single steps, from the table of measured speeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.io.packaged import packaged_table

PAPER = NetworkSettings()
FLOAT64 = 2.0  # time relative to float32 on a CPU, as registers hold half as many values; authors' code: 1.8 to 2.4
COMPONENTS = {1: 22, 2: 102}  # per message and channel: all products of features and harmonics up to l_max


@dataclass(frozen=True, kw_only=True)
class Size:
    """Size of a system, for networks and MD."""

    kind: str  # a potential of trajcast/reference/potentials/, or the file of trajcast/reference/systems/
    atoms: int
    edges: int  # pairs within the cutoff, summed over all atoms


@cache
def table() -> list[dict[str, str]]:
    """Rows of speeds.csv."""
    return packaged_table("trajcast.pipeline.estimate", "speeds")


def machines(device: str) -> list[str]:
    """Machines on which the speeds of a device (`cpu` or `gpu`) were measured."""
    return list(dict.fromkeys(row["machine"] for row in table() if row["device"] == device))


def network_seconds(device: str, task: str, size: Size, training: TrainingSettings) -> float:
    """Time of one system in one step of a `rollout`, or of `training` as part of a batch, on `cpu` or `gpu`, s.

    Interpolated linearly in the number of edges and constant below the smallest measured case. The number of edges is
    scaled by the length of the network's messages.
    """
    rows = sorted((float(row["edges"]), float(row["ms"])) for row in table() if _is(row, device=device, task=task))
    edges, ms = np.array(rows).T
    effective = size.edges * _work(training.network) / _work(PAPER)
    slope = (ms[-1] - ms[-2]) / (edges[-1] - edges[-2])
    step_ms = np.interp(effective, edges, ms) + max(0.0, effective - edges[-1]) * slope
    factor = FLOAT64 if device == "cpu" and training.dtype == "float64" else 1.0
    return float(step_ms) * factor / 1000


def md_seconds(size: Size) -> float:
    """Time of one step of reference MD, s; for an unknown system that of water with the same number of atoms."""
    rows = {row["case"]: row for row in table() if _is(row, task="md")}
    row = rows.get(size.kind, rows["liquid"])
    return float(row["ms"]) / 1000 * size.atoms / float(row["atoms"])


def frame_seconds() -> float:
    """Time in which reference MD writes one frame, s."""
    return next(float(row["ms"]) for row in table() if _is(row, task="frame")) / 1000


def _is(row: Mapping[str, str], **values: str) -> bool:
    return all(row[key] == value for key, value in values.items())


def _work(network: NetworkSettings) -> float:
    """Cost per edge: the length of its messages in all layers."""
    components = COMPONENTS.get(network.l_max, COMPONENTS[2] * (network.l_max / 2) ** 5)
    return network.layers * network.channels * components
