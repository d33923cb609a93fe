"""Reporters: what is kept of a rollout's frames.

`io.recorder.Recorder` keeps complete frames as a trajectory; each module of this folder keeps something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from trajcast.core.system_spec import SystemSpec


class Reporter(Protocol):
    """Keeps frames in segments, each with a restart point, and joins them into one file at the end."""

    path: Path
    spec: SystemSpec
    identity: str

    def __init__(
        self, path: Path | str, spec: SystemSpec, *, identity: Mapping[str, Any], provenance: Mapping[str, Any]
    ): ...

    @property
    def segments(self) -> list[Path]:
        """Files of all segments written so far."""

    def restart(self) -> dict[str, NDArray] | None:
        """Restart data of the last segment; None if there is none."""

    def add(self, step: int, time_fs: float, positions: NDArray, velocities: NDArray) -> None:
        """Add one frame (Å, Å/fs)."""

    def segment(self, restart: Mapping[str, Any]) -> Callable[[], None]:
        """A function, callable from any thread, that writes the frames added so far as a segment."""

    def keep_segments(self, count: int) -> None:
        """Remove the segments after the first `count`."""

    def join(self, **provenance: Any) -> None:
        """Join all segments into the result file."""
