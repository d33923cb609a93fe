"""The network's hot operations, one file per backend.

All backends compute the same functions from the same weights; `e3nn` is the reference. A backend is a plug-in module in
this folder that defines

- `RANK`: priority. On a CPU, where speeds differ by factors of ten, the available backend of highest rank is used; on a
  GPU, backends of rank 10 and above are tested, and the fastest of those that work is used;
- `unavailable(device, dtype)`: the reason why the backend cannot be used, or None;
- `edges(neighbors, harmonics)`: data shared by all layers of a step, in the backend's own format;
- `edge_product(shape, features, edges, hidden, weight)`: Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂));
- `node_product(shape, features, harmonics, hidden, weight)`: w · (h ⊗ Y(v̂)) of each atom;
- `elements(species, count)`: the atoms' elements, given by index, in the format that `species_linear` takes;
- `species_linear(features, parities, elements, weights)`: mixes the channels of each l and parity by element;
- `linear(features, weights)`: mixes the columns of each l and parity.

A backend that also accepts splines of the distance (`trajcast.model.splines.Curves`) as `hidden` defines
`TRAINING_INTERVALS`: the number of grid intervals for training in each precision.

The weight w of each path, parity and channel is a linear function of `hidden`, the last hidden values of an MLP for
each pair of `neighbors` (each edge if pairs are not numbered) or each atom. `weight` is (width, weights) with its scale
applied; its columns are sorted by l_in, path, parity (odd before even) and channel. Products are returned by
(l, parity), each (atoms, 2l + 1, paths × channels), with paths in the order of `ProductShape.outputs`.
"""

from __future__ import annotations

import logging
import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType

import torch

from trajcast.core.errors import UserError
from trajcast.core.plugins import named_module
from trajcast.model.ops._measured import USUAL, Sizes, fastest, short_name
from trajcast.model.ops._trial import disagreement

TRIED = 10  # minimum rank of backends tested on a GPU
log = logging.getLogger(__name__)


def names() -> list[str]:
    """Names of all backends, installed or not."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


@cache
def choose(device: torch.device, dtype: torch.dtype, name: str | None = None, sizes: Sizes = USUAL) -> ModuleType:
    """The backend `name`, or the best available one if None.

    On a GPU, each backend is tested on a small product, and skipped with a warning if it fails; the fastest of the
    others for `sizes` is chosen. Timings, and reasons why backends are unavailable, are logged.

    Raises:
        UserError: The backend `name` does not exist or cannot be used.
    """
    if name is not None:
        backend = named_module("model.ops", name)
        if reason := backend.unavailable(device, dtype):
            raise UserError(f"backend {name} can't be used on {device}: {reason}")
        return backend
    modules = [import_module(f"{__name__}.{name}") for name in names()]
    reasons = {module: module.unavailable(device, dtype) for module in modules}
    best_first = sorted((m for m in modules if reasons[m] is None), key=lambda module: module.RANK, reverse=True)
    if device.type != "cuda":
        return best_first[0]
    for module, reason in reasons.items():
        if reason is not None:
            log.info("backend %s can't be used on %s: %s", short_name(module), device, reason)
    sound = [module for module in best_first if module.RANK >= TRIED and _is_sound(module, device, dtype)]
    return sound[0] if len(sound) == 1 else fastest(sound, device, dtype, sizes)


def _is_sound(backend: ModuleType, device: torch.device, dtype: torch.dtype) -> bool:
    dense = import_module(f"{__name__}.dense")
    if backend is dense:
        return True
    if reason := disagreement(backend, dense, device, dtype):
        log.warning("backend %s is not used on %s: %s", short_name(backend), device, reason)
    return reason is None
