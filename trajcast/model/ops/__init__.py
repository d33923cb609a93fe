"""The network's hot operations, one file per backend.

Every backend computes the same mathematics from the same weights; `e3nn` is the reference for all others. A backend
is a module of this folder with

- `RANK`: among the available backends the highest is taken;
- `unavailable(device, dtype)`: why it can't be used there, or None;
- `edges(neighbors, harmonics)`: what all layers of one step share, in the backend's own form;
- `edge_product(shape, features, edges, hidden, weight)`: Σ over neighbours of w(r) · (h_neighbour ⊗ Y(r̂));
- `node_product(shape, features, harmonics, hidden, weight)`: w · (h ⊗ Y(v̂)) of each atom;
- `species_linear(features, species, weights)`: mixes the channels of each l and parity with weights of the element.

The weight w of every path, parity and channel is a linear function of an MLP's last values `hidden`: for every edge of
`neighbors` (edges, width), or for every atom; `weight` is (width, weights) with its scale applied, its columns sorted
by l_in, then path, then parity (odd before even), then channel. Products come back by (l, parity), each
(atoms, 2l + 1, paths × channels), the paths in the order of `paths.outputs`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

import torch

from trajcast.errors import UserError
from trajcast.modules import named_module


def names() -> list[str]:
    """All backends, installed or not."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not (module.ispkg or module.name.startswith("_"))
    )


def choose(device: torch.device, dtype: torch.dtype, name: str | None = None) -> ModuleType:
    """The backend called `name`, or the best one that is available; UserError when there is no such backend."""
    if name is not None:
        backend = named_module("model.ops", name)
        if reason := backend.unavailable(device, dtype):
            raise UserError(f"backend {name} can't be used on {device}: {reason}")
        return backend
    modules = [import_module(f"{__name__}.{name}") for name in names()]
    return max((m for m in modules if m.unavailable(device, dtype) is None), key=lambda m: m.RANK)
