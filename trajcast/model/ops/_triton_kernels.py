"""Triton kernels of the edge convolution, written out over the non-zero Clebsch–Gordan coefficients of one l_in.

One program sums for one atom and one block of channels, `EDGES` edges at a time, in a fixed order and without atomics:
the forward kernel over the atom's neighbours, the backward kernel over all edges that lead to the atom. Coefficients
times harmonics are formed in registers, which is cheaper than loading them.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl

from trajcast.model.paths import Path, coefficients, paths_from

HEAD = """
    parity = tl.program_id(2)
    c = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = c < channels
    columns = parities * channels
    own = (parity * channels + c)[None, :]
    number = features.dtype.element_ty
"""

FORWARD = """
def forward(
    features, harmonics, weights, result, first, neighbors, places, atoms,
    channels: tl.constexpr, parities: tl.constexpr, EDGES: tl.constexpr, COLUMNS: tl.constexpr,
):
    atom = tl.program_id(0).to(tl.int64)
{head}
{zero_sums}
    start = tl.load(first + atom)
    end = tl.load(first + atom + 1)
    for block in range(start, end, EDGES):
        edge = block + tl.arange(0, EDGES)
        real = edge < end
        some = real[:, None] & inside[None, :]
        neighbor = tl.load(neighbors + edge, mask=real, other=0)[:, None]
{load_harmonics}
{load_features}
{add_products}
{store_sums}
"""

BACKWARD = """
def backward(
    features, harmonics, weights, gradient, features_gradient, weights_gradient,
    first, edges, receivers, places, atoms,
    channels: tl.constexpr, parities: tl.constexpr, EDGES: tl.constexpr, COLUMNS: tl.constexpr,
):
    neighbor = tl.program_id(0).to(tl.int64)
{head}
{load_own}
{zero_gradients}
{load_places}
    start = tl.load(first + neighbor)
    end = tl.load(first + neighbor + 1)
    for block in range(start, end, EDGES):
        slot = block + tl.arange(0, EDGES)
        real = slot < end
        some = real[:, None] & inside[None, :]
        edge = tl.load(edges + slot, mask=real, other=0)
        atom = tl.load(receivers + slot, mask=real, other=0)[:, None]
{load_harmonics}
{add_gradients}
{store_gradients}
"""


class Kernels(NamedTuple):
    """For features of one l, `triton.jit` functions."""

    forward: Any
    backward: Any


@cache
def kernels(l_in: int, l_max: int) -> Kernels:
    """The kernels of all paths from features of `l_in` through harmonics up to `l_max`."""
    return Kernels(*(_jit(name, source, l_in, l_max) for name, source in sources(l_in, l_max).items()))


def sources(l_in: int, l_max: int) -> dict[str, str]:
    """The kernels' source text by name."""
    paths, components, harmonics = paths_from(l_in, l_max), range(2 * l_in + 1), range((l_max + 1) ** 2)
    couplings = list(_couplings(l_in, l_max))
    parts = {
        "head": HEAD.strip("\n"),
        "zero_sums": _lines(4, (f"sum_{o} = {ZERO}" for o in range(sum(2 * p.l_out + 1 for p in paths)))),
        "zero_gradients": _lines(4, (f"gradient_{m} = {ZERO}" for m in components)),
        "load_harmonics": _lines(
            8,
            (
                f"y_{k} = tl.load(harmonics + edge * {len(harmonics)} + {k}, mask=real, other=0.0)[:, None]"
                for k in harmonics
            ),
        ),
        "load_features": _lines(8, (_load_feature(m, l_in, "some") for m in components)),
        "load_own": _lines(4, (_load_feature(m, l_in, "inside[None, :]") for m in components)),
        "load_places": _lines(4, _load_places(paths)),
        "add_products": _lines(8, _add_products(paths, couplings)),
        "add_gradients": _lines(8, _add_gradients(paths, couplings, l_in)),
        "store_sums": _lines(4, _store_sums(paths)),
        "store_gradients": _lines(
            4,
            (
                f"tl.store(features_gradient + (neighbor * {2 * l_in + 1} + {m}) * columns + parity * channels + c, "
                f"tl.sum(gradient_{m}, axis=0), mask=inside)"
                for m in components
            ),
        ),
    }
    return {"forward": FORWARD.format(**parts), "backward": BACKWARD.format(**parts)}


ZERO = "tl.zeros((EDGES, COLUMNS), dtype=number)"

Coupling = tuple[int, int, int, float]
"""Component of the feature, harmonic, output, coefficient."""


def _couplings(l_in: int, l_max: int) -> Iterator[Coupling]:
    """The non-zero Clebsch–Gordan coefficients."""
    table = coefficients(l_in, l_max, torch.float64, torch.device("cpu"))
    for m, k, o in table.abs().gt(1e-12).nonzero().tolist():
        yield m, k, o, float(table[m, k, o])


def _add_products(paths: tuple[Path, ...], couplings: list[Coupling]) -> Iterator[str]:
    """Every output's sum grows by weight × Σ_m h_m (Σ_k coefficient Y_k)."""
    output = 0
    for p, path in enumerate(paths):
        yield _load_weight(p, len(paths))
        for _ in range(2 * path.l_out + 1):
            terms = [
                f"h_{m} * ({_coupled(couplings, m, output)})"
                for m in range(2 * path.l_in + 1)
                if _coupled(couplings, m, output)
            ]
            yield f"sum_{output} += weight * ({' + '.join(terms)})"
            output += 1


def _add_gradients(paths: tuple[Path, ...], couplings: list[Coupling], l_in: int) -> Iterator[str]:
    """With t_m = Σ_outputs gradient (Σ_k coefficient Y_k): features gain weight × t_m, the weight gains Σ_m h_m t_m."""
    output = 0
    for p, path in enumerate(paths):
        outputs = range(output, output + 2 * path.l_out + 1)
        output = outputs.stop
        yield _load_weight(p, len(paths))
        for component, o in enumerate(outputs):
            place = f"begin_{p} + (atom * {len(outputs)} + {component}) * width_{p} + c[None, :]"
            yield f"g_{o} = tl.load(gradient + {place}, mask=some, other=0.0)"
        products = []
        for m in range(2 * l_in + 1):
            terms = [f"g_{o} * ({_coupled(couplings, m, o)})" for o in outputs if _coupled(couplings, m, o)]
            if terms:
                yield f"t = {' + '.join(terms)}"
                yield f"gradient_{m} += weight * t"
                yield f"product_{m} = h_{m} * t"
                products.append(f"product_{m}")
        yield (
            f"tl.store(weights_gradient + (edge[:, None] * {len(paths)} + {p}) * columns + own, "
            f"{' + '.join(products)}, mask=some)"
        )


def _coupled(couplings: list[Coupling], m: int, output: int) -> str:
    return " + ".join(f"{value!r} * y_{k}" for m_, k, o, value in couplings if (m_, o) == (m, output))


def _load_feature(m: int, l_in: int, mask: str) -> str:
    place = f"(neighbor * {2 * l_in + 1} + {m}) * columns + own"
    return f"h_{m} = tl.load(features + {place}, mask={mask}, other=0.0)"


def _load_weight(p: int, paths: int) -> str:
    return f"weight = tl.load(weights + (edge[:, None] * {paths} + {p}) * columns + own, mask=some, other=0.0)"


def _load_places(paths: tuple[Path, ...]) -> Iterator[str]:
    """Where the outputs of each path lie: `begin` of the first atom's, and how many columns their irrep has."""
    for p in range(len(paths)):
        row = f"places + (parity * {len(paths)} + {p}) * 3"
        yield f"begin_{p} = tl.load({row}) * atoms + tl.load({row} + 1)"
        yield f"width_{p} = tl.load({row} + 2)"


def _store_sums(paths: tuple[Path, ...]) -> Iterator[str]:
    yield from _load_places(paths)
    output = 0
    for p, path in enumerate(paths):
        for component in range(2 * path.l_out + 1):
            place = f"begin_{p} + (atom * {2 * path.l_out + 1} + {component}) * width_{p} + c"
            yield f"tl.store(result + {place}, tl.sum(sum_{output}, axis=0), mask=inside)"
            output += 1


def _lines(indent: int, lines: Iterator[str]) -> str:
    return "\n".join(" " * indent + line for line in lines)


def _jit(name: str, source: str, l_in: int, l_max: int) -> Any:
    """The function in `source`, which Triton reads through `linecache`."""
    file = f"<trajcast {name} l_in {l_in} l_max {l_max}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"tl": tl}
    exec(compile(source, file, "exec"), scope)
    return triton.jit(scope[name])
