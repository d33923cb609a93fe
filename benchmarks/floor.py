"""Lower bound (floor) on the time of a step: multiply-adds over the peak rate, or bytes over the bandwidth.

`python -m benchmarks.floor FILE` prints it for the cells in a JSON file of `benchmarks.speed`, with peak rate and
bandwidth measured on the local machine. Only operations that the network requires mathematically are counted, not those
of a particular backend: couplings use the non-zero Clebsch–Gordan coefficients only and are computed once per edge for
all layers, channels and parities. Every pair of neighbours is two edges.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import nn

from benchmarks.cases import CASES
from benchmarks.measure import Cell
from benchmarks.models import bare_model
from benchmarks.table import lines
from trajcast.model.interaction import Interaction
from trajcast.model.network import TrajCast
from trajcast.model.paths import ProductShape, coefficients, path_of_output, paths_from

CUBIC = 3  # multiply-adds per path weight interpolated from a cubic table
PASSES = {"rollout": 1, "train": 3}  # training: forward pass, gradients of inputs, gradients of weights
ADAM = 9  # numbers read and written per weight: weight, gradient and the three averages of AMSGrad
REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Multiply-adds of one forward pass over all atoms and edges."""

    couplings: int  # Σ CG · Y
    edge_product: int
    radial_mlp: int
    radial_table: int  # instead of the MLP
    node_product: int  # including its MLP
    linear: int
    element_linear: int

    def total(self, *, tabulated: bool) -> int:
        radial = self.radial_table if tabulated else self.radial_mlp
        return self.couplings + self.edge_product + radial + self.node_product + self.linear + self.element_linear


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Measured peak performance of the machine."""

    flops: dict[str, float]  # of a matrix product, by dtype, in FLOP/s
    bandwidth: float  # of a copy, bytes/s read plus written


def operations(model: TrajCast, atoms: int, edges: int) -> Operations:
    """Count the operations of one forward pass."""
    layers = _layers(model)
    maps = [model.embed, model.compress, model.readout, *(m for x in layers for m in (x.contraction, x.update))]
    node = sum(_product(x.node_shape) + sum(_couplings(x.node_shape)) + _mlp(x.speed, x.node_weights) for x in layers)
    element = sum(_linear(x.self_connection) for x in layers) // len(model.scales.species)
    return Operations(
        couplings=edges * sum(max(of_l) for of_l in zip(*(_couplings(x.edge_shape) for x in layers), strict=True)),
        edge_product=edges * sum(_product(x.edge_shape) for x in layers),
        radial_mlp=edges * sum(_mlp(x.radial, x.edge_weights) for x in layers),
        radial_table=edges * sum(CUBIC * x.edge_shape.weights for x in layers),
        node_product=atoms * node,
        linear=atoms * sum(_linear(x) for x in maps),
        element_linear=atoms * element,
    )


def numbers_moved(model: TrajCast, atoms: int, edges: int) -> int:
    """Count the numbers read and written in one forward pass if inputs and outputs of each product move once.

    For every edge, each layer reads index, harmonics and distance; no array of size edges × channels leaves the caches.
    """
    harmonics = (model.settings.l_max + 1) ** 2
    moved = sum(weight.numel() for weight in model.parameters())
    for layer in _layers(model):
        for shape in (layer.edge_shape, layer.node_shape):
            entering = sum((2 * l + 1) * shape.channels * len(p) for l, p in enumerate(shape.parities))
            leaving = sum((2 * l + 1) * columns for (l, _), columns in shape.columns.items())
            moved += atoms * 2 * (entering + leaving)
        moved += edges * (harmonics + 2)
    return moved


def _layers(model: TrajCast) -> list[Interaction]:
    return [cast(Interaction, layer) for layer in model.layers]


def _couplings(shape: ProductShape) -> list[int]:
    """Multiply-adds of Σ CG · Y for each l_in; 0 if it does not occur."""
    counts = []
    for l, present in enumerate(shape.parities):
        table = coefficients(l, shape.l_max, torch.float64, torch.device("cpu"))
        counts.append(int((table.abs() > 1e-9).sum()) * bool(present))
    return counts


def _product(shape: ProductShape) -> int:
    """Multiply-adds of one product with given couplings: features × couplings, × path weight, summed."""
    total = 0
    for l, present in enumerate(shape.parities):
        table = coefficients(l, shape.l_max, torch.float64, torch.device("cpu")).abs().sum(1) > 1e-9
        path_of = path_of_output(l, shape.l_max, torch.device("cpu"))
        for k, path in enumerate(paths_from(l, shape.l_max)):
            pairs = int(table[:, path_of == k].sum())
            total += shape.channels * len(present) * (pairs + 2 * path.l_out + 1)
    return total


def _mlp(hidden: nn.Module, last: nn.Module) -> int:
    return sum(weight.numel() for part in (hidden, last) for weight in part.parameters())


def _linear(part: nn.Module) -> int:
    """Multiply-adds of a linear map: each weight acts on all 2l + 1 components."""
    return sum(w.numel() * (2 * int(name.split(".")[-1][:-1]) + 1) for name, w in part.named_parameters())


def measure_peaks(device: torch.device, dtypes: Iterable[str]) -> Peaks:
    """Measure matrix products of 2048 (GPU: 8192) rows and a copy of 256 MiB, each the best of several."""
    size = 8192 if device.type == "cuda" else 2048
    flops = {}
    for dtype in dtypes:
        a = torch.ones(size, size, dtype=getattr(torch, dtype), device=device)
        out = torch.empty_like(a)
        flops[dtype] = 2 * size**3 / _best(partial(torch.mm, a, a, out=out), device)
    source = torch.ones(2**26, device=device)
    target = torch.empty_like(source)
    return Peaks(flops=flops, bandwidth=2 * 4 * 2**26 / _best(partial(target.copy_, source), device))


def _best(work: Callable[[], object], device: torch.device) -> float:
    times = []
    for _ in range(REPEATS + 1):  # the first is a warm-up
        begin = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def floor_s(cell: Cell, peaks: Peaks, *, tabulated: bool) -> tuple[float, float]:
    """Lower bounds in seconds on the step of a cell, from operations and from bytes."""
    model = bare_model(CASES[cell.case], cell.network)
    atoms, edges = cell.batch * cell.atoms, cell.batch * cell.edges
    passes = PASSES[cell.mode]
    multiply_adds = passes * operations(model, atoms, edges).total(tabulated=tabulated)
    moved = passes * numbers_moved(model, atoms, edges)
    if cell.mode == "train":
        moved += ADAM * sum(weight.numel() for weight in model.parameters())
    size = getattr(torch, cell.dtype).itemsize
    return 2 * multiply_adds / peaks.flops[cell.dtype], size * moved / peaks.bandwidth


def report(cells: Sequence[Cell], peaks: Peaks) -> str:
    """Table of measured times and floors."""
    rows = []
    for cell in cells:
        row = [cell.case, cell.mode, cell.network, cell.dtype, cell.chosen, f"{cell.ms_per_step:.3g}"]
        for tabulated in (False, True) if cell.mode == "rollout" else (False,):  # tables are used for inference only
            compute_s, memory_s = floor_s(cell, peaks, tabulated=tabulated)
            floor_ms = 1000 * max(compute_s, memory_s)
            bound = "operations" if compute_s > memory_s else "bytes"
            row += [f"{floor_ms:.3g}", bound, f"{cell.ms_per_step / floor_ms:.3g}"]
        rows.append(row)
    header = ["case", "mode", "network", "dtype", "backend", "ms/step"]
    header += ["floor ms (MLP)", "set by", "ratio", "floor ms (table)", "set by", "ratio"]
    machine = ", ".join(f"{1e-9 * flops:.0f} GFLOP/s {dtype}" for dtype, flops in peaks.flops.items())
    title = f"Floor, at measured peaks of {machine} (matrix product) and {1e-9 * peaks.bandwidth:.1f} GB/s (copy)"
    return "\n".join(["", title, *lines(header, rows)])


def peaks_for(cells: Sequence[Cell]) -> Peaks:
    """Measure the peaks with the device, threads and dtypes of `cells`."""
    torch.set_num_threads(cells[0].threads)
    device = torch.device("cpu" if cells[0].device == "cpu" else "cuda")
    return measure_peaks(device, sorted({cell.dtype for cell in cells}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description="Floor of measured cells.")
    parser.add_argument("cells", type=Path, help="JSON file that benchmarks.speed wrote")
    file = parser.parse_args().cells
    measured = [Cell(**values) for values in json.loads(file.read_text(encoding="utf-8"))]
    print(report(measured, peaks_for(measured)))
