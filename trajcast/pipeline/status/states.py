"""State of each job, from its heartbeat or the end of its log."""

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
ERROR = re.compile(r": (?:error|failure): ")  # in the last line that trajcast.cli prints


class JobState(Enum):
    """State of a job."""

    DONE = "done"
    RUNNING = "running"
    STOPPED = "stopped"  # saved to resume later, or without heartbeat: killed, or its node has failed
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A job, its state and its last heartbeat."""

    job: PlannedJob
    state: JobState
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def left_s(self) -> float | None:
        """Remaining time at the average speed so far, s; None if unknown."""
        record = self.record
        if not {"since", "first", "done", "total"} <= record.keys() or record["done"] <= record["first"]:
            return None
        speed = (record["done"] - record["first"]) / max(1e-3, record["updated"] - record["since"])
        return max(0.0, (record["total"] - record["done"]) / speed)

    @property
    def reason(self) -> str:
        """Why an unfinished job ended; empty if unknown."""
        return self.record.get("error") or self.record.get("stopped") or ""


def states(jobs: Iterable[PlannedJob], unfinished: Sequence[PlannedJob]) -> list[Seen]:
    """States of all `jobs`, of which some are `unfinished`."""
    pending = {job.outputs for job in unfinished}
    return [_state(job) if job.outputs in pending else Seen(job=job, state=JobState.DONE) for job in jobs]


def _state(job: PlannedJob) -> Seen:
    for output in _outputs(job):
        path = record_path(output)
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
    if error := ERROR.search(last):
        return Seen(job=job, state=JobState.FAILED, record={"error": last[error.end() :]})
    return Seen(job=job, state=JobState.WAITING)


def _outputs(job: PlannedJob) -> list[Path]:
    """Outputs as named in the job's command, which determine the path of the heartbeat."""
    files = [Path(output) for output in job.outputs]
    return [files[0].parent] if job.rule == "train" else files


def _last_line(log: str | None) -> str:
    try:
        lines = Path(log or "").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
