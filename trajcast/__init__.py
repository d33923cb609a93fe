"""Force-free molecular dynamics: an equivariant network propagates positions and velocities from t to t + horizon."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trajcast.core.version import __version__

if TYPE_CHECKING:
    from trajcast.core.state import State as State
    from trajcast.core.system_spec import SystemSpec as SystemSpec
    from trajcast.data.dataset import read_dataset as read_dataset
    from trajcast.io.trajectory import Trajectory as Trajectory
    from trajcast.model.store import load_model as load_model
    from trajcast.rollout.loop import run_rollout as run_rollout
    from trajcast.training.loop import train as train

_PUBLIC = {  # modules of the public names, imported on first use
    "State": "core.state",
    "SystemSpec": "core.system_spec",
    "Trajectory": "io.trajectory",
    "load_model": "model.store",
    "read_dataset": "data.dataset",
    "run_rollout": "rollout.loop",
    "train": "training.loop",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'trajcast' has no attribute {name!r}")
    return getattr(importlib.import_module(f"trajcast.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
