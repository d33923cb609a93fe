"""Reporters: what is kept of a rollout's frames, one file each.

`io.recorder.Recorder` keeps whole frames as a trajectory; the modules of this folder keep something else.
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
        """The files of all segments so far."""

    def restart(self) -> dict[str, NDArray] | None:
        """The restart data of the last segment; None at the beginning."""

    def add(self, step: int, time_fs: float, positions: NDArray, velocities: NDArray) -> None:
        """Take one frame (Å, Å/fs)."""

    def segment(self, restart: Mapping[str, Any]) -> Callable[[], None]:
        """What writes the frames added so far as a segment, in whatever thread."""

    def keep_segments(self, count: int) -> None:
        """Remove the segments after the first `count`."""

    def join(self, **provenance: Any) -> None:
        """Write the result from all segments."""
