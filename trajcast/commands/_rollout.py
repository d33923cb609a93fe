"""Common parts of the commands that roll out a model: arguments, model and start."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trajcast.commands._model_argument import add_model_argument
from trajcast.commands._settings import add_settings_argument
from trajcast.io.path_checks import OutputFile
from trajcast.shipped import thermostat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from trajcast.config.settings import RolloutSettings
    from trajcast.core.system_spec import SystemSpec
    from trajcast.model.network import TrajCast
    from trajcast.rollout.reporters import Reporter


def add_rollout_arguments(parser: argparse.ArgumentParser, kept: str, metavar: str) -> None:
    """Add settings, start, outputs and model; `kept` is the help text of --output."""
    add_settings_argument(parser, "section `rollout`")
    parser.add_argument("--start", type=Path, required=True, metavar="H5MD", help="trajectory to start from")
    parser.add_argument(
        "--frame", type=int, default=-1, help="frame to start from, counted from 0 (default: -1, the last)"
    )
    parser.add_argument("--output", type=OutputFile, required=True, metavar=metavar, help=kept)
    parser.add_argument("--outcome", type=OutputFile, required=True, metavar="JSON", help="how the rollout ended")
    add_model_arguments(parser)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, threads, device and backend."""
    add_model_argument(parser)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1, best for small systems)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or auto: a GPU if available (default: cpu)")
    parser.add_argument("--backend", help="a module of trajcast/model/ops (default: the best for the device)")


def model_of(arguments: argparse.Namespace) -> TrajCast:
    """Load the model to its device; warn if it is experimental."""
    from trajcast.core.device import use_device
    from trajcast.model.store import load_model, read_record

    model = load_model(arguments.model, use_device(arguments.device, arguments.threads))
    record = read_record(arguments.model)
    if record.get("experimental"):
        logging.warning(
            "%s is experimental and intended for thermostat %s; `trajcast models %s` describes its limits",
            record["name"],
            thermostat(record),
            record["name"],
        )
    model.backend = arguments.backend
    return model


def record_of(arguments: argparse.Namespace, start: Path) -> dict[str, Any]:
    """What the frames of a rollout depend on besides its settings and start state."""
    from trajcast.io.files import file_hash

    return {
        "model": file_hash(arguments.model),
        "start": start.name,
        "device": arguments.device,
        "backend": arguments.backend,
    }


def perform(
    arguments: argparse.Namespace,
    settings: RolloutSettings,
    start: Start,
    *,
    reporter: type[Reporter] | None = None,
) -> list[dict[str, Any]]:
    """Roll out the model from `start`, holding an exclusive lock on the output.

    Args:
        arguments: --settings, --output, --outcome and those of `add_model_arguments`.
        reporter: What is kept of the frames; by default a trajectory.

    Returns:
        The outcome of each replica.
    """
    from trajcast.io.files import numbered
    from trajcast.io.locks import exclusive_lock
    from trajcast.io.path_checks import check_outputs
    from trajcast.io.recorder import Recorder
    from trajcast.rollout.loop import run_rollout

    inputs = [path for path in (start.path, arguments.settings, arguments.model) if isinstance(path, Path)]
    for number in range(1, settings.replicas + 1):
        check_outputs([numbered(path, number) for path in (arguments.output, arguments.outcome)], inputs)
    model = model_of(arguments)
    with exclusive_lock(arguments.output):
        return run_rollout(
            model,
            settings,
            start.spec,
            start.positions,
            output=arguments.output,
            outcome=arguments.outcome,
            record=record_of(arguments, start.path),
            velocities=start.velocities,
            reporter=reporter or Recorder,
        )


@dataclass(frozen=True, kw_only=True)
class Start:
    """State to start from, and its file."""

    path: Path
    spec: SystemSpec
    positions: Tensor  # (atoms, 3) Å
    velocities: Tensor | None = None  # (atoms, 3) Å/fs; None: Maxwell–Boltzmann


def start_of(path: Path, supercell: Sequence[int], frame: int = -1) -> Start:
    """Read the positions of one frame of a trajectory and replicate them to a supercell.

    Raises:
        UserError: The trajectory has no such frame, or its structure is invalid.
    """
    from trajcast.core.errors import UserError
    from trajcast.core.geometry import replicate
    from trajcast.data.structure import check_structure
    from trajcast.io.trajectory import Trajectory

    with Trajectory(path) as trajectory:
        if not len(trajectory):
            raise UserError(f"{path}: no frame to start from")
        if not -len(trajectory) <= frame < len(trajectory):
            raise UserError(f"{path}: no frame {frame} of {len(trajectory)}; count from 0, or from the end with -1")
        spec, positions = trajectory.spec, trajectory.state(frame).positions
    check_structure(spec, positions.numpy(), f"{path}: frame {frame}")
    spec, positions = replicate(spec, positions, supercell)
    return Start(path=path, spec=spec, positions=positions)
