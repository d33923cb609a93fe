"""Speed table of the GPU kit, most important cells first, and the choice of the backend from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import torch
from torch import Tensor

from benchmarks.cases import CASES
from benchmarks.measure import measure_here
from benchmarks.models import scaled_weights

MODES = ("train", "rollout")
ORDER = ("crystal-162", "liquid-192", "crystal-4374", "liquid-5184", "molecule-20", "crystal-1296", "liquid-1536")


def time_cell(
    case: str, mode: str, backend: str, dtype: str, network: str, limit_s: float, device: torch.device
) -> dict[str, Any]:
    """Measure one cell of the table in this process."""
    weights = _weights(CASES[case].system, network)
    return asdict(measure_here(case, mode, backend, dtype, device, network=network, weights=weights, limit_s=limit_s))


@cache
def _weights(system: str, network: str) -> dict[str, Tensor]:
    return scaled_weights(next(case for case in CASES.values() if case.system == system), network)


def cells(first: str, network: str, backends: Sequence[str]) -> list[dict[str, str]]:
    """All cells, starting with the case `first` in float32, which decides on the backends."""
    cases = [first, *(case for case in ORDER if case != first)]
    return [
        {"case": case, "mode": mode, "backend": backend, "dtype": dtype, "network": network}
        for dtype in ("float32", "float64")
        for case in cases
        for mode in MODES
        for backend in backends
    ]


def fastest(speed: Iterable[dict[str, Any]], case: str, mode: str, backends: Sequence[str]) -> str:
    """The fastest of `backends` in float32 for `case`; the first one if none was measured."""
    times = {
        cell["backend"]: cell["result"]["ms_per_step"]
        for cell in speed
        if "result" in cell and (cell["case"], cell["mode"], cell["dtype"]) == (case, mode, "float32")
    }
    return min((b for b in backends if b in times), key=times.__getitem__, default=backends[0])
