"""A reporter that keeps nothing, for timing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec


class Nothing:
    """Discards all frames."""

    def __init__(
        self, path: Path | str, spec: SystemSpec, *, identity: Mapping[str, Any], provenance: Mapping[str, Any]
    ):
        self.path, self.spec, self.identity = Path(path), spec, ""
        self.segments: list[Path] = []

    def restart(self) -> dict[str, NDArray] | None:
        """None: there is nothing to resume from."""
        return None

    def add(self, step: int, time_fs: float, positions: NDArray, velocities: NDArray) -> None:
        """Discard the frame."""

    def segment(self, restart: Mapping[str, Any]) -> Callable[[], None]:
        """A function without effect."""
        return lambda: None

    def keep_segments(self, count: int) -> None:
        """No effect."""

    def join(self, **provenance: Any) -> None:
        """No effect."""
