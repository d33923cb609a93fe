"""Measurement of one cell of the table in the current process.

`python -m benchmarks.measure REQUEST RESULT` measures the cell described by a JSON file in a separate process, so that
the peak memory of the process is that of the cell.
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

BLOCK_S = 0.1  # faster steps are timed in blocks of about this duration
TIMED_S = 1.0  # shortest total time measured
BLOCKS = 5  # fewest blocks measured
SLOW_BLOCKS = 2  # fewest blocks measured once the time limit is exceeded
WARM_UP = 3  # steps before timing, including the first, if the time limit allows


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One line of the table. MB are 10⁶ bytes."""

    case: str
    mode: str  # a key of MODES
    backend: str  # as requested
    chosen: str  # the backend used
    dtype: str
    network: str  # a key of NETWORKS
    device: str
    threads: int
    atoms: int  # of one system
    edges: int  # of one system
    batch: int  # systems per step
    steps: int  # number of timings
    ms_per_step: float  # median
    first_step_s: float  # from model and structure in hand to the end of the first step
    first_step_cached_s: float | None  # the same in a second process; None if the first left no cache on disk
    peak_mb: float  # peak memory of the process (on a GPU, of its tensors) minus `base_mb`
    base_mb: float  # before the structure is made: Python, libraries and the model
    process_mb: float  # sum of both
    ns_per_day: float | None  # in rollouts
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
    """Measure one cell, within about `limit_s`.

    On a CPU the peak memory is that of the whole process so far: only a fresh process yields that of the cell.

    Args:
        weights: Weights of the network; made if None.
        limit_s: Approximate limit (s) on the total time of the steps.

    Raises:
        RuntimeError: If a step yields values that are not finite.
    """
    model, device = bare_model(CASES[case], network), torch.device(device)
    model.load_state_dict(weights or scaled_weights(CASES[case], network))
    model.to(device=device, dtype=getattr(torch, dtype))
    model.backend = None if backend == "auto" else backend
    chosen = model.ops.__name__.rpartition(".")[2]  # before measuring base_mb: loads the backend's library
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
    """Peak memory so far (10⁶ bytes): of tensors on a GPU, otherwise of this process (Linux only)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def _timed(run: Run, device: torch.device, limit_s: float) -> tuple[float, list[float]]:
    """Seconds of the first step and of later ones; for fast steps the mean over each block."""
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
    """Clock reading in seconds, after synchronising with the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _main(request: Path, result: Path) -> None:
    arguments = json.loads(request.read_text(encoding="utf-8"))
    device = use_device(arguments.pop("device"), arguments.pop("threads"))
    weights = load_file(arguments.pop("weights"))
    cell = measure_here(**arguments, device=device, weights=weights)
    result.write_text(json.dumps(asdict(cell)), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
