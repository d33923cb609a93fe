"""Triton kernels of the edge product, unrolled over the non-zero Clebsch–Gordan coefficients of one l_in.

Each program handles one atom and one block of channels and sums `EDGES` edges at a time, in a fixed order and without
atomics: the forward kernel over the atom's neighbours, the backward kernel over all edges that lead to the atom.
Coefficients times harmonics are computed in registers, which is cheaper than loading them.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import triton
import triton.language as tl

from trajcast.model.ops._couplings import couplings
from trajcast.model.paths import Path, paths_from

ZERO = "tl.zeros((EDGES, COLUMNS), dtype=number)"

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
    """The `triton.jit` functions for features of one l."""

    forward: Any
    backward: Any


@cache
def kernels(l_in: int, l_max: int) -> Kernels:
    """The kernels for all paths from features of `l_in` through harmonics up to `l_max`."""
    return Kernels(*(_jit(name, source, l_in, l_max) for name, source in _sources(l_in, l_max).items()))


def _sources(l_in: int, l_max: int) -> dict[str, str]:
    """Source code of the kernels by name."""
    paths = paths_from(l_in, l_max)
    harmonics, components, outputs = (l_max + 1) ** 2, 2 * l_in + 1, sum(2 * path.l_out + 1 for path in paths)
    parts = {
        "head": HEAD.strip("\n"),
        "zero_sums": _lines(4, (f"sum_{o} = {ZERO}" for o in range(outputs))),
        "zero_gradients": _lines(4, (f"gradient_{m} = {ZERO}" for m in range(components))),
        "load_harmonics": _lines(8, map(_load_harmonic(harmonics), range(harmonics))),
        "load_features": _lines(8, map(_load_feature(components, "some"), range(components))),
        "load_own": _lines(4, map(_load_feature(components, "inside[None, :]"), range(components))),
        "load_places": _lines(4, _load_places(len(paths))),
        "add_products": _lines(8, _add_products(paths, l_max)),
        "add_gradients": _lines(8, _add_gradients(paths, l_max)),
        "store_sums": _lines(4, _store_sums(paths)),
        "store_gradients": _lines(4, map(_store_gradient(components), range(components))),
    }
    return {"forward": FORWARD.format(**parts), "backward": BACKWARD.format(**parts)}


def _add_products(paths: tuple[Path, ...], l_max: int) -> Iterator[str]:
    """Add weight × Σ_m h_m (Σ coefficient Y) to each sum."""
    sums = count()
    for p, path in enumerate(paths):
        yield _load_weight(p, len(paths))
        for m_out in range(2 * path.l_out + 1):
            terms = [f"h_{m} * ({factor})" for m, o, factor in _factors(path, l_max) if o == m_out]
            yield f"sum_{next(sums)} += weight * ({' + '.join(terms)})"


def _add_gradients(paths: tuple[Path, ...], l_max: int) -> Iterator[str]:
    """With t_m = Σ output gradient (Σ coefficient Y): h_m's gradient += weight × t_m, weight's = Σ_m h_m t_m."""
    for p, path in enumerate(paths):
        yield _load_weight(p, len(paths))
        components = 2 * path.l_out + 1
        for o in range(components):
            place = f"begin_{p} + (atom * {components} + {o}) * width_{p} + c[None, :]"
            yield f"g_{o} = tl.load(gradient + {place}, mask=some, other=0.0)"
        products = []
        for m_in in range(2 * path.l_in + 1):
            if terms := [f"g_{o} * ({factor})" for m, o, factor in _factors(path, l_max) if m == m_in]:
                yield f"t_{m_in} = {' + '.join(terms)}"
                yield f"gradient_{m_in} += weight * t_{m_in}"
                products.append(f"h_{m_in} * t_{m_in}")
        yield f"tl.store(weights_gradient + {_place_of_weight(p, len(paths))}, {' + '.join(products)}, mask=some)"


def _factors(path: Path, l_max: int) -> Iterator[tuple[int, int, str]]:
    """m_in, m_out and their coupling, the expression Σ coefficient Y."""
    by_pair: dict[tuple[int, int], list[str]] = {}
    for m_in, harmonic, m_out, value in couplings(path, l_max):
        by_pair.setdefault((m_in, m_out), []).append(f"{value!r} * y_{harmonic}")
    for (m_in, m_out), terms in by_pair.items():
        yield m_in, m_out, " + ".join(terms)


def _load_harmonic(harmonics: int) -> Callable[[int], str]:
    return lambda k: f"y_{k} = tl.load(harmonics + edge * {harmonics} + {k}, mask=real, other=0.0)[:, None]"


def _load_feature(components: int, mask: str) -> Callable[[int], str]:
    place = f"(neighbor * {components} + {{}}) * columns + own"
    return lambda m: f"h_{m} = tl.load(features + {place.format(m)}, mask={mask}, other=0.0)"


def _load_weight(p: int, paths: int) -> str:
    return f"weight = tl.load(weights + {_place_of_weight(p, paths)}, mask=some, other=0.0)"


def _place_of_weight(p: int, paths: int) -> str:
    return f"(edge[:, None] * {paths} + {p}) * columns + own"


def _load_places(paths: int) -> Iterator[str]:
    """Load the position of each path's outputs: `begin` for the first atom, `width` for the columns of their irrep."""
    for p in range(paths):
        row = f"places + (parity * {paths} + {p}) * 3"
        yield f"begin_{p} = tl.load({row}) * atoms + tl.load({row} + 1)"
        yield f"width_{p} = tl.load({row} + 2)"


def _store_sums(paths: tuple[Path, ...]) -> Iterator[str]:
    yield from _load_places(len(paths))
    sums = count()
    for p, path in enumerate(paths):
        components = 2 * path.l_out + 1
        for o in range(components):
            place = f"begin_{p} + (atom * {components} + {o}) * width_{p} + c"
            yield f"tl.store(result + {place}, tl.sum(sum_{next(sums)}, axis=0), mask=inside)"


def _store_gradient(components: int) -> Callable[[int], str]:
    place = f"features_gradient + (neighbor * {components} + {{}}) * columns + parity * channels + c"
    return lambda m: f"tl.store({place.format(m)}, tl.sum(gradient_{m}, axis=0), mask=inside)"


def _lines(indent: int, lines: Iterable[str]) -> str:
    return "\n".join(" " * indent + line for line in lines)


def _jit(name: str, source: str, l_in: int, l_max: int) -> Any:
    """Compile the function in `source`; Triton reads the source through `linecache`."""
    file = f"<trajcast {name} l_in {l_in} l_max {l_max}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"tl": tl}
    exec(compile(source, file, "exec"), scope)
    return triton.jit(scope[name])
