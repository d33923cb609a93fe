"""The state of every job."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from trajcast.io.heartbeat import SIGN_EVERY_S, record_path
from trajcast.pipeline.jobs import PlannedJob

SILENT_AFTER_S = 6 * SIGN_EVERY_S
SAID = re.compile(r": (?:error|failure): ")  # how trajcast.cli ends


class JobState(Enum):
    """Of a job."""

    DONE = "done"
    RUNNING = "running"
    STOPPED = "stopped"  # to go on later, or without a word: killed, or its node is gone
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A job, its state, and what it has told of itself."""

    job: PlannedJob
    state: JobState
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def left_s(self) -> float | None:
        """Time left at the speed so far, s; None where it is not known."""
        record = self.record
        if not {"since", "first", "done", "total"} <= record.keys() or record["done"] <= record["first"]:
            return None
        speed = (record["done"] - record["first"]) / max(1e-3, record["updated"] - record["since"])
        return max(0.0, (record["total"] - record["done"]) / speed)

    @property
    def reason(self) -> str:
        """Why a job that is not done ended."""
        return self.record.get("error") or self.record.get("stopped") or ""


def states(jobs: Iterable[PlannedJob], unfinished: Sequence[PlannedJob]) -> list[Seen]:
    """The state of each of the `jobs`, of which some are `unfinished`."""
    to_do = {job.outputs for job in unfinished}
    return [_state(job) if job.outputs in to_do else Seen(job=job, state=JobState.DONE) for job in jobs]


def _state(job: PlannedJob) -> Seen:
    for place in _places(job):
        path = record_path(place)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            silent_s = time.time() - path.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            continue
        if "error" in record:
            return Seen(job=job, state=JobState.FAILED, record=record)
        stopped = "stopped" in record or silent_s > SILENT_AFTER_S
        return Seen(job=job, state=JobState.STOPPED if stopped else JobState.RUNNING, record=record)
    last = _last_line(job.log)
    if said := SAID.search(last):
        return Seen(job=job, state=JobState.FAILED, record={"error": last[said.end() :]})
    return Seen(job=job, state=JobState.WAITING)


def _places(job: PlannedJob) -> list[Path]:
    """What the job's command calls its output."""
    files = [Path(output) for output in job.outputs]
    return [files[0].parent] if job.rule == "train" else files


def _last_line(log: str | None) -> str:
    try:
        lines = Path(log or "").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
