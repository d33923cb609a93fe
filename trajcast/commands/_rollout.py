"""What the commands that roll a model out have in common: their arguments, the model, and where it starts."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trajcast.commands._model_argument import add_model_argument
from trajcast.shipped import thermostat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from trajcast.core.system_spec import SystemSpec
    from trajcast.model.network import TrajCast


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, and where it computes."""
    add_model_argument(parser)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1, best for small systems)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or auto: a GPU where there is one (default: cpu)")
    parser.add_argument("--backend", help="a file of trajcast/model/ops (default: the best one for the device)")


def model_of(arguments: argparse.Namespace) -> TrajCast:
    """The model, ready on its device; with a warning where it is an experiment."""
    from trajcast.core.device import use_device
    from trajcast.model.store import load_model, read_record

    model = load_model(arguments.model, use_device(arguments.device, arguments.threads))
    record = read_record(arguments.model)
    if record.get("experimental"):
        logging.warning(
            "%s is an experiment, made for thermostat %s; `trajcast models %s` tells its limits",
            record["name"],
            thermostat(record),
            record["name"],
        )
    model.backend = arguments.backend
    return model


def record_of(arguments: argparse.Namespace, start: Path) -> dict[str, Any]:
    """What a rollout's frames depend on beside its settings and its start."""
    from trajcast.io.files import file_hash

    return {
        "model": file_hash(arguments.model),
        "start": start.name,
        "device": arguments.device,
        "backend": arguments.backend,
    }


def start_of(path: Path, supercell: Sequence[int], frame: int = -1) -> tuple[SystemSpec, Tensor]:
    """Topology and positions (Å) of one frame of a trajectory, repeated; UserError where it has no such frame."""
    from trajcast.core.errors import UserError
    from trajcast.core.geometry import replicate
    from trajcast.data.structure import check_structure
    from trajcast.io.trajectory import Trajectory

    with Trajectory(path) as trajectory:
        if not len(trajectory):
            raise UserError(f"{path}: no frame to start from")
        if not -len(trajectory) <= frame < len(trajectory):
            raise UserError(
                f"{path}: no frame {frame}, it has {len(trajectory)}; count from 0, or from the end with -1"
            )
        spec, positions = trajectory.spec, trajectory.state(frame).positions
    check_structure(spec, positions.numpy(), f"{path}: frame {frame}")
    return replicate(spec, positions, supercell)
