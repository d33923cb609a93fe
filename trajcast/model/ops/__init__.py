"""The network's hot operations, one file per backend.

Every backend computes the same mathematics from the same weights; `e3nn` is the reference for all others. A backend
is a module of this folder with

- `RANK`: on a CPU the available backend with the highest is taken, for there they differ by factors of ten; on a GPU
  those of at least 10 are tried, and the fastest of those that work is taken;
- `unavailable(device, dtype)`: why it can't be used there, or None;
- `edges(neighbors, harmonics)`: what all layers of one step share, in the backend's own form;
- `edge_product(shape, features, edges, hidden, weight)`: Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂));
- `node_product(shape, features, harmonics, hidden, weight)`: w · (h ⊗ Y(v̂)) of each atom;
- `elements(species, count)`: what `species_linear` needs to know of the atoms' elements, numbered from 0;
- `species_linear(features, parities, elements, weights)`: mixes the channels of each l and parity by element;
- `linear(features, weights)`: mixes the columns of each l and parity.

A backend may take splines of the distance (`trajcast.model.splines.Curves`) in place of `hidden`; it says so by
`TRAINING_INTERVALS`, how fine a grid training needs in which precision.

The weight w of every path, parity and channel is a linear function of an MLP's last values `hidden`: for every pair of
`neighbors` (every edge where pairs are not numbered), or for every atom; `weight` is (width, weights) with its scale
applied, its columns sorted by l_in, then path, then parity (odd before even), then channel. Products come back by
(l, parity), each (atoms, 2l + 1, paths × channels), the paths in the order of `ProductShape.outputs`.
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

TRIED = 10  # least rank of a backend that is tried on a GPU
log = logging.getLogger(__name__)


def names() -> list[str]:
    """All backends, installed or not."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


@cache
def choose(device: torch.device, dtype: torch.dtype, name: str | None = None, sizes: Sizes = USUAL) -> ModuleType:
    """The backend called `name`, or the best one that is available; UserError when there is no such backend.

    On a GPU each is tried on a small product, and passed over with a warning where it fails; of the others the fastest
    for `sizes` is taken. The log says how fast each is, and why others can't be used.
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
    plain = import_module(f"{__name__}.dense")
    if backend is plain:
        return True
    if reason := disagreement(backend, plain, device, dtype):
        log.warning("backend %s is not used on %s: %s", short_name(backend), device, reason)
    return reason is None
