"""One cell of the table, measured in the process that runs this.

`python -m benchmarks.measure REQUEST RESULT` measures what a JSON file asks for in a process of its own, so that the
peak of its memory is that of the cell.
"""

from __future__ import annotations

import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.cases import CASES
from benchmarks.models import bare_model, scaled_weights
from benchmarks.steps import MODES, Run
from trajcast.core.device import use_device

BLOCK_S = 0.1  # steps faster than this are timed several at once
TIMED_S = 1.0  # timed at least so long,
BLOCKS = 5  # and at least so many times;
SLOW_BLOCKS = 2  # but no more than these when the time limit is over
WARM_UP = 3  # steps before timing, the first included, where they fit into the time limit


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One line of the table. MB are 10⁶ bytes."""

    case: str
    mode: str  # a key of MODES
    backend: str  # as asked for
    chosen: str  # the backend that computed
    dtype: str
    network: str  # a key of NETWORKS
    device: str
    threads: int
    atoms: int  # of one system
    edges: int  # of one system
    batch: int  # systems in a step
    steps: int  # timed
    ms_per_step: float  # median
    first_step_s: float  # from model and structure in hand to the end of the first step
    first_step_cached_s: float | None  # the same in a second process, where a cache on disk was left by the first
    peak_mb: float  # most memory that the steps took: that of the process (on a GPU, of its tensors) less `base_mb`
    base_mb: float  # before there was a structure: Python, libraries and the model
    process_mb: float  # both together
    ns_per_day: float | None  # simulated in a rollout
    samples_per_s: float | None  # in training
    atom_steps_per_s: float
    torch: str  # version


def measure_here(
    case: str,
    mode: str,
    backend: str,
    dtype: str,
    device: torch.device | str = "cpu",
    *,
    network: str = "paper",
    weights: Mapping[str, Tensor] | None = None,
    limit_s: float = 60.0,
) -> Cell:
    """Time steps for about `limit_s` at most; `weights` are made where there are none.

    On a CPU the peak is that of the whole process so far: only a fresh one tells that of the cell.
    Raises RuntimeError when a step gives anything but finite numbers.
    """
    model, device = bare_model(CASES[case], network), torch.device(device)
    model.load_state_dict(weights or scaled_weights(CASES[case], network))
    model.to(device=device, dtype=getattr(torch, dtype))
    model.backend = None if backend == "auto" else backend
    chosen = model.ops.__name__.rpartition(".")[2]  # here, since it loads the backend's library
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    base_mb = used_mb(device)
    run = MODES[mode](model, CASES[case])
    first_s, times = _timed(run, device, limit_s)
    step_s, process_mb = statistics.median(times), used_mb(device)
    return Cell(
        case=case,
        mode=mode,
        backend=backend,
        chosen=chosen,
        dtype=dtype,
        network=network,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        threads=torch.get_num_threads(),
        atoms=run.atoms,
        edges=run.edges,
        batch=run.batch,
        steps=len(times),
        ms_per_step=1000 * step_s,
        first_step_s=first_s,
        first_step_cached_s=None,
        peak_mb=process_mb - base_mb,
        base_mb=base_mb,
        process_mb=process_mb,
        ns_per_day=CASES[case].horizon_fs * 0.0864 / step_s if mode == "rollout" else None,
        samples_per_s=run.batch / step_s if mode == "train" else None,
        atom_steps_per_s=run.batch * run.atoms / step_s,
        torch=torch.__version__,
    )


def used_mb(device: torch.device) -> float:
    """Most memory used so far (10⁶ bytes): by tensors on a GPU, else by this process since it was started (Linux)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def _timed(run: Run, device: torch.device, limit_s: float) -> tuple[float, list[float]]:
    """Seconds of the first step, and those of later ones; of fast steps the mean over a block."""
    begin = _now(device)
    first_s = last_s = _block(run, 1, device)
    for _ in range(WARM_UP - 1):
        if _now(device) - begin < limit_s / 10:
            last_s = _block(run, 1, device)
    size = min(100, math.ceil(BLOCK_S / last_s))
    times: list[float] = []
    while len(times) < BLOCKS or size * sum(times) < TIMED_S:
        times.append(_block(run, size, device) / size)
        if _now(device) - begin > limit_s and len(times) >= SLOW_BLOCKS:
            break
    return first_s, times


def _block(run: Run, steps: int, device: torch.device) -> float:
    begin = _now(device)
    run.advance(steps)
    return _now(device) - begin


def _now(device: torch.device) -> float:
    """Seconds on a clock, read when the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _main(request: Path, result: Path) -> None:
    asked = json.loads(request.read_text(encoding="utf-8"))
    device = use_device(asked.pop("device"), asked.pop("threads"))
    weights = load_file(asked.pop("weights"))
    result.write_text(json.dumps(asdict(measure_here(**asked, device=device, weights=weights))), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
