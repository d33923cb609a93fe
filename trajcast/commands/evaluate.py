"""Mean absolute errors of a model on the test pairs of a data set, or on all frames of an extended XYZ file.

Absolute errors are averaged over atoms and Cartesian components; relative errors are divided by the mean absolute
value of the same quantity in the same pairs.

With --trajectory the model is also rolled out for up to ten steps from states of that reference MD and compared with
the frames that follow. The model must not have been trained on this trajectory.

Each frame of an extended XYZ file holds positions, velocities (Å/fs), and the displacements (Å) and update_velocities
(Å/fs) of the next step, as in the data sets of IBM's trajcast 1.x.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from trajcast.commands._model_argument import add_model_argument
from trajcast.data.checks import CHECKS
from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_model_argument(parser)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--dataset", type=Path, metavar="H5", help="what `trajcast dataset` wrote")
    data.add_argument(
        "--data", type=Path, metavar="EXTXYZ", help="frames with the displacements and velocities of the next step"
    )
    parser.add_argument("--trajectory", type=Path, metavar="H5MD", help="NVE run for errors over several steps")
    parser.add_argument(
        "--accept",
        nargs="+",
        choices=[*CHECKS, "neighbors"],
        default=[],
        help="data checks that may fail (docs/formats.md)",
    )
    parser.add_argument(
        "--json", "--output", type=OutputFile, metavar="JSON", help="also write the errors to this file"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or auto: a GPU if available (default: cpu)")
    parser.add_argument("--backend", help="a module of trajcast/model/ops (default: the best for the device)")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.core.device import use_device
    from trajcast.data.dataset import read_dataset
    from trajcast.data.extxyz import read_pairs
    from trajcast.data.sources import Reading, read_frames
    from trajcast.io.files import write_json
    from trajcast.io.heartbeat import heartbeat
    from trajcast.model.store import load_model
    from trajcast.training.evaluation import evaluate, evaluate_pairs
    from trajcast.training.repeated import repeated_errors

    device = use_device(arguments.device, arguments.threads)
    model = load_model(arguments.model, device)
    model.backend = arguments.backend
    if "masses" in arguments.accept:
        model.masses = None
    with heartbeat(arguments.json) if arguments.json else nullcontext():
        if arguments.data is None:
            errors = evaluate(model, read_dataset(arguments.dataset))
        else:
            scales = model.scales
            pairs = read_pairs(arguments.data, scales.horizon_fs, scales.cutoff, arguments.accept)
            errors = evaluate_pairs(model, pairs)
        if arguments.trajectory is not None:
            frames = read_frames(arguments.trajectory, Reading(accept=arguments.accept))
            errors["repeated_steps"] = repeated_errors(model, frames)
    if arguments.json is not None:
        write_json(arguments.json, errors)
    for name, unit in (("displacement", "A"), ("velocity", "A_per_fs")):
        mae, percent = errors[f"{name}_mae_{unit}"], errors[f"{name}_mae_percent"]
        print(f"{name}: mean absolute error {mae:.4g} {unit.replace('A', 'Å').replace('_per_', '/')}, {percent:.3g} %")
