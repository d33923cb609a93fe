"""Speed and memory of every backend on this machine: `python -m benchmarks.speed`.

Each cell of the table (case, mode, backend, dtype, network) is measured in a separate process; the backends of one case
follow one another. Cells that would take too long, extrapolated from a smaller size, are marked as skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks import floor, table
from benchmarks.cases import CASES
from benchmarks.measure import SLOW_BLOCKS, Cell
from benchmarks.models import NETWORKS, scaled_weights
from benchmarks.steps import MODES
from trajcast.core.errors import UserError
from trajcast.core.plugins import named_module
from trajcast.io.files import write_json
from trajcast.model import ops

DTYPES = ("float32", "float64")
CACHES = ("XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
"""Environment variables for folders of compiled code, which are empty at the start of every cell."""

STOP = 5  # times the time limit, after which the process of a cell is stopped
SPARE_MB = 1000.0  # memory left to other processes

Series = tuple[str, str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One cell to be measured, the input of `benchmarks.measure`."""

    case: str
    mode: str
    backend: str
    dtype: str
    network: str
    device: str
    threads: int
    limit_s: float


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Expected time and memory of a cell, extrapolated from a smaller one."""

    source: str  # case of the smaller cell
    step_s: float
    process_mb: float


class Failed(Exception):
    """A cell's process ended without a result."""


def main() -> int:
    """Measure the cells requested on the command line; return 1 if any failed."""
    arguments = _arguments()
    device = torch.device(arguments.device)
    measured: list[Cell] = []
    failures = 0
    print(f"torch {torch.__version__}, device {device}, {arguments.threads} threads")
    for network, mode, dtype in product(arguments.network, arguments.mode, arguments.dtype):
        names = _backends(arguments.backends, device, getattr(torch, dtype))
        print(f"\n{network} network, {mode}, {dtype}\n{table.header()}", flush=True)
        stopped: dict[Series, str] = {}
        for case, name in product(arguments.case, names):
            request = Request(
                case=case,
                mode=mode,
                backend=name,
                dtype=dtype,
                network=network,
                device=arguments.device,
                threads=arguments.threads,
                limit_s=arguments.limit,
            )
            if reason := stopped.get(_series(request)) or _too_much(request, measured):
                print(f"{table.label(case, name)}  skipped: {reason}", flush=True)
                continue
            try:
                cell = measure(request)
            except subprocess.TimeoutExpired:
                stopped[_series(request)] = f"{case} was stopped at {STOP * arguments.limit:g} s"
                print(f"{table.label(case, name)}  stopped at {STOP * arguments.limit:g} s", flush=True)
            except Failed as error:
                failures += 1
                print(f"{table.label(case, name)}  failed: {error}", flush=True)
            else:
                measured.append(cell)
                print(table.row(cell, _reference(cell, measured)), flush=True)
                if arguments.json:
                    write_json(arguments.json, [asdict(cell) for cell in measured])
    if measured:
        print(table.growth(measured), floor.report(measured, floor.peaks_for(measured)), sep="\n")
    return 1 if failures else 0


def measure(request: Request) -> Cell:
    """Measure a cell in a new process with empty caches, and its first step in a second one if caches were filled."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {name: f"{folder}/cache/{name}" for name in CACHES}
        stop_s = STOP * request.limit_s
        cell = _in_process(request, Path(folder), environment, stop_s)
        if any(path.is_file() for path in Path(folder, "cache").rglob("*")):
            again = _in_process(replace(request, limit_s=0.0), Path(folder), environment, stop_s)
            cell = replace(cell, first_step_cached_s=again.first_step_s)
    return cell


def _in_process(request: Request, folder: Path, environment: dict[str, str], timeout_s: float) -> Cell:
    request_file, result = folder / "request.json", folder / "result.json"
    weights = _weights(CASES[request.case].system, request.network)
    request_file.write_text(json.dumps({**asdict(request), "weights": str(weights)}), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.measure", str(request_file), str(result)]
    done = subprocess.run(
        command,
        env=environment,
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return Cell(**json.loads(result.read_text(encoding="utf-8")))


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@cache
def _weights(system: str, network: str) -> Path:
    """File with the weights of the network for a system, made once per run."""
    path = Path(_scratch().name, f"{system}-{network}.safetensors")
    case = next(case for case in CASES.values() if case.system == system)
    save_file(scaled_weights(case, network), path)
    return path


def _backends(requested: Sequence[str] | None, device: torch.device, dtype: torch.dtype) -> list[str]:
    """Backends to measure, `e3nn` first; all available ones by default.

    Raises:
        UserError: If a requested backend is unavailable.
    """
    if requested is None:
        requested = [name for name in ops.names() if named_module("model.ops", name).unavailable(device, dtype) is None]
    for name in requested:
        ops.choose(device, dtype, None if name == "auto" else name)
    return sorted(requested, key=lambda name: name != "e3nn")


def _too_much(request: Request, measured: Sequence[Cell]) -> str | None:
    """Why a cell is skipped; None if it is measured."""
    expected = _expected(request, measured)
    if expected is None:
        return None
    if (1 + SLOW_BLOCKS) * expected.step_s > request.limit_s:
        return f"about {expected.step_s:.0f} s per step expected from {expected.source}"
    if request.device == "cpu" and expected.process_mb > _free_mb():
        return f"about {expected.process_mb / 1000:.0f} GB expected from {expected.source}"
    return None


def _expected(request: Request, measured: Sequence[Cell]) -> Expected | None:
    """Proportional extrapolation from the last measured cell of the same series; None if there is none."""
    copies = _cells(CASES[request.case].copies)
    for other in reversed(measured):
        if _series(other) == _series(request) and other.case != request.case:
            ratio = copies / _cells(CASES[other.case].copies)
            return Expected(
                source=other.case,
                step_s=ratio * other.ms_per_step / 1000,
                process_mb=other.base_mb + ratio * other.peak_mb,
            )
    return None


def _series(cell: Cell | Request) -> Series:
    """The properties shared by cells that differ in size only."""
    return CASES[cell.case].system, cell.mode, cell.backend, cell.dtype, cell.network


def _cells(copies: tuple[int, int, int]) -> int:
    return copies[0] * copies[1] * copies[2]


def _free_mb() -> float:
    """Memory (10⁶ bytes) available to a new process (Linux only)."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    return int(text.split("MemAvailable:")[1].split()[0]) * 1024 / 1e6 - SPARE_MB


def _reference(cell: Cell, measured: Sequence[Cell]) -> Cell | None:
    """The corresponding cell of the `e3nn` backend."""
    key = (cell.case, cell.mode, cell.dtype, cell.network, "e3nn")
    return next((c for c in measured if (c.case, c.mode, c.dtype, c.network, c.backend) == key), None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--case", type=_some(CASES), help=f"any of {', '.join(CASES)} (default: all)")
    parser.add_argument("--mode", type=_some(MODES), default=list(MODES), help="rollout,train (default: both)")
    parser.add_argument("--dtype", type=_some(DTYPES), default=list(DTYPES), help="float32,float64 (default: both)")
    parser.add_argument("--backends", type=lambda text: text.split(","), help="names, or auto (default: all available)")
    parser.add_argument("--network", type=_some(NETWORKS), help="paper,small (default: both; with --case: paper)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument(
        "--limit",
        type=float,
        default=120.0,
        help="seconds for the steps of a cell; its process is stopped after five times this (default: %(default)g)",
    )
    parser.add_argument("--json", type=Path, help="file for the cells, rewritten after each")
    arguments = parser.parse_args()
    if arguments.threads < 1 or arguments.limit <= 0:
        parser.error("--threads must be at least 1, and --limit greater than 0 s")
    arguments.network = arguments.network or (["paper"] if arguments.case else list(NETWORKS))
    arguments.case = arguments.case or list(CASES)
    return arguments


def _some(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Parser of comma-separated names, all of which must be known."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
        return names

    return parse


def _entry() -> int:
    try:
        return main()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(_entry())
