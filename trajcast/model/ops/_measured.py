"""The fastest of several backends, by a trial on the device for sizes like those at hand; kept for later processes."""

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
WIDTH = 64  # of hidden values
REPEATS = 10
VERSIONS = ("torch", "triton", "cuequivariance-ops-torch-cu13", "cuequivariance-torch", "openequivariance", "trajcast")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sizes:
    """What decides which backend is the fastest."""

    channels: int = 64
    l_max: int = 2
    neighbors: int = 40  # of an atom

    @property
    def shape(self) -> ProductShape:
        """That of all layers but the first."""
        return ProductShape(parities=((-1, 1),) * (self.l_max + 1), l_max=self.l_max, channels=self.channels)


USUAL = Sizes()


def fastest(backends: Sequence[ModuleType], device: torch.device, dtype: torch.dtype, sizes: Sizes) -> ModuleType:
    """That of `backends` whose product with its gradients takes the least time."""
    found = {short_name(b): b for b in backends}
    key = fingerprint(_name(device), str(dtype), sorted(found), asdict(sizes), _versions())
    known = _read(_kept())
    times = known.get(key)
    if times is None or set(times) != set(found):
        times = {name: seconds(backend, device, dtype, sizes) for name, backend in found.items()}
        _keep(known | {key: times})
    best = min(times, key=lambda name: times[name])
    said = ", ".join(f"{name} {1e3 * times[name]:.2g} ms" for name in sorted(times, key=lambda name: times[name]))
    log.info("backend %s on %s: a product of %d atoms with its gradients takes %s", best, _name(device), ATOMS, said)
    return found[best]


def seconds(backend: ModuleType, device: torch.device, dtype: torch.dtype, sizes: Sizes) -> float:
    """Median time of a product over neighbours with its gradients, after some that are not counted."""
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
            _wait(device)
            begin = time.perf_counter()
            product = backend.edge_product(shape, features, edges, *inputs[-2:])
            torch.autograd.grad(sum(x.square().sum() for x in product.values()), inputs)
            _wait(device)
            times.append(time.perf_counter() - begin)
    return sorted(times[3:])[REPEATS // 2]


def short_name(backend: ModuleType) -> str:
    """Its file's."""
    return backend.__name__.rpartition(".")[2]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _versions() -> dict[str, str]:
    found = {}
    for package in VERSIONS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _kept() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trajcast" / "backends.json"


def _read(path: Path) -> dict[str, dict[str, float]]:
    """What earlier processes measured; nothing where that can't be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(v, dict) for v in found.values()) else {}


def _keep(known: Mapping[str, Mapping[str, float]]) -> None:
    try:
        write_json(_kept(), dict(known))
    except OSError as error:  # a full or read-only home costs a trial each time, no more
        log.info("the times of backends are not kept: %s", error)
