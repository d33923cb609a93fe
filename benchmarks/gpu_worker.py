"""Tasks in a separate process: an untested kernel may hang, crash, or leave the device unusable for its process.

`python -m benchmarks.gpu_worker TASKS RESULTS` runs the tasks one after the other and appends a line of JSON for each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_parity import compare
from benchmarks.gpu_speed import time_cell
from trajcast.core.device import use_device

DO: dict[str, Callable[..., dict[str, Any]]] = {"parity": compare, "speed": time_cell}

Task = dict[str, Any]  # {"do": a key of DO, "device": …, and its other arguments}


def perform(tasks: Sequence[Task], until: float) -> list[dict[str, Any]]:
    """Run the tasks until `until` (on `time.monotonic`), in a new process after every failure.

    Returns:
        Each task with its `result`, or the reason why it `failed`; tasks that were not finished in time are missing.
    """
    done: list[dict[str, Any]] = []
    while len(done) < len(tasks) and time.monotonic() < until:
        done += _perform(tasks[len(done) :], until)
    return done


def _perform(tasks: Sequence[Task], until: float) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        requests, results = Path(folder, "tasks.json"), Path(folder, "results.jsonl")
        requests.write_text(json.dumps(tasks), encoding="utf-8")
        results.touch()
        command = [sys.executable, "-m", __name__, str(requests), str(results)]
        process = subprocess.Popen(command, stdout=sys.stderr)
        try:
            status: int | None = process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = None
        done = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    reported = len(done) == len(tasks) or (done and "failed" in done[-1])
    if status is not None and not reported:
        done.append({**tasks[len(done)], "failed": f"its process ended with status {status}"})
    return done


def main(requests: Path, results: Path) -> int:
    """Run the tasks; return 1 at the first failure, since the device may be unusable for this process."""
    for task in json.loads(requests.read_text(encoding="utf-8")):
        arguments = {name: value for name, value in task.items() if name not in ("do", "device")}
        device = use_device(task["device"], torch.get_num_threads())
        try:
            outcome: dict[str, Any] = {"result": DO[task["do"]](**arguments, device=device)}
        except Exception as error:  # from any library that a backend uses
            outcome = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
        with results.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({**task, **outcome}) + "\n")
        if "failed" in outcome:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
