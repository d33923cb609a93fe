"""Selects the fastest of several backends by timing them on the device; timings are cached for later processes."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import torch

from trajcast.core.neighbors.neighbor_list import Neighbors
from trajcast.io.files import fingerprint, write_json
from trajcast.model.embedding import directions
from trajcast.model.paths import ProductShape

ATOMS = 200
WIDTH = 64  # hidden values per edge
REPEATS = 10
VERSIONS = ("torch", "triton", "cuequivariance-ops-torch-cu13", "cuequivariance-torch", "openequivariance", "trajcast")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sizes:
    """Sizes that determine which backend is the fastest."""

    channels: int = 64
    l_max: int = 2
    neighbors: int = 40  # per atom

    @property
    def shape(self) -> ProductShape:
        """Shape of the products in all layers but the first."""
        return ProductShape(parities=((-1, 1),) * (self.l_max + 1), l_max=self.l_max, channels=self.channels)


USUAL = Sizes()


def fastest(backends: Sequence[ModuleType], device: torch.device, dtype: torch.dtype, sizes: Sizes) -> ModuleType:
    """The fastest of `backends` for an edge product with gradients, by timings from the cache or measured now."""
    by_name = {short_name(b): b for b in backends}
    key = fingerprint(_name(device), str(dtype), sorted(by_name), asdict(sizes), _versions())
    cached = _read(_cache_file())
    times = cached.get(key)
    if times is None or set(times) != set(by_name):
        times = {name: seconds(backend, device, dtype, sizes) for name, backend in by_name.items()}
        _write(cached | {key: times})
    best = min(times, key=lambda name: times[name])
    timings = ", ".join(f"{name} {1e3 * times[name]:.2g} ms" for name in sorted(times, key=lambda name: times[name]))
    log.info("backend %s on %s; product and gradients for %d atoms: %s", best, _name(device), ATOMS, timings)
    return by_name[best]


def seconds(backend: ModuleType, device: torch.device, dtype: torch.dtype, sizes: Sizes) -> float:
    """Median time (s) of an edge product with gradients, after warm-up."""
    rng = torch.Generator().manual_seed(0)
    shape = sizes.shape

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=rng, dtype=torch.float64).to(device, dtype)

    first = sizes.neighbors * torch.arange(ATOMS + 1)
    index = torch.randint(0, ATOMS, (int(first[-1]),), generator=rng)
    vectors = draw(len(index), 3)
    neighbors = Neighbors(first=first.to(device), index=index.to(device), vectors=vectors, cutoff=1.0)
    features = [draw(ATOMS, 2 * l + 1, shape.channels * len(p)) for l, p in enumerate(shape.parities)]
    inputs = [x.requires_grad_() for x in (*features, draw(len(index), WIDTH), draw(WIDTH, shape.weights))]
    edges = backend.edges(neighbors, directions(vectors, shape.l_max))
    times = []
    with torch.inference_mode(False), torch.enable_grad():
        for _ in range(3 + REPEATS):
            _synchronize(device)
            begin = time.perf_counter()
            product = backend.edge_product(shape, features, edges, *inputs[-2:])
            torch.autograd.grad(sum(x.square().sum() for x in product.values()), inputs)
            _synchronize(device)
            times.append(time.perf_counter() - begin)
    return sorted(times[3:])[REPEATS // 2]


def short_name(backend: ModuleType) -> str:
    """Name of the backend's module without its package."""
    return backend.__name__.rpartition(".")[2]


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _versions() -> dict[str, str]:
    versions = {}
    for package in VERSIONS:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _cache_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trajcast" / "backends.json"


def _read(path: Path) -> dict[str, dict[str, float]]:
    """Timings cached by earlier processes; empty if unreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and all(isinstance(v, dict) for v in content.values()) else {}


def _write(timings: Mapping[str, Mapping[str, float]]) -> None:
    try:
        write_json(_cache_file(), dict(timings))
    except OSError as error:  # harmless: each process then measures again
        log.info("backend timings are not cached: %s", error)
