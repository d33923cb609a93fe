"""A reporter that keeps nothing: for rollouts that are only timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec


class Nothing:
    """Takes frames and drops them."""

    def __init__(
        self, path: Path | str, spec: SystemSpec, *, identity: Mapping[str, Any], provenance: Mapping[str, Any]
    ):
        self.path, self.spec, self.identity = Path(path), spec, ""
        self.segments: list[Path] = []

    def restart(self) -> dict[str, NDArray] | None:
        return None

    def add(self, step: int, time_fs: float, positions: NDArray, velocities: NDArray) -> None:
        pass

    def segment(self, restart: Mapping[str, Any]) -> Callable[[], None]:
        return lambda: None

    def keep_segments(self, count: int) -> None:
        pass

    def join(self, **provenance: Any) -> None:
        pass
