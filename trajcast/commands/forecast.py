"""Roll a model out: molecular dynamics without forces.

Starts from the positions of the last frame of a trajectory with Maxwell–Boltzmann velocities, and writes the frames
after the equilibration and an outcome (completed, or which guard ended it). A roll-out that a guard ends is a result:
its frames are kept and the command succeeds. Stopped in any way, the same command goes on where it was. With `replicas`
in the settings each has files of its own: NAME.h5md, NAME-2.h5md, … and the same for the outcome.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="section `forecast`")
    parser.add_argument("--model", type=Path, required=True, metavar="SAFETENSORS", help="the model")
    parser.add_argument("--start", type=Path, required=True, metavar="H5MD", help="trajectory to start from")
    parser.add_argument("--output", type=Path, required=True, metavar="H5MD", help="the trajectory")
    parser.add_argument("--outcome", type=Path, required=True, metavar="JSON", help="how it ended")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1, best for small systems)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--backend", help="a file of trajcast/model/ops (default: the best one for the device)")


def run(arguments: argparse.Namespace) -> None:
    import hashlib
    import logging

    from trajcast.config import read_settings
    from trajcast.device import use_device
    from trajcast.errors import UserError
    from trajcast.files import sole_writer
    from trajcast.forecast.forecaster import roll_out
    from trajcast.geometry import replicate
    from trajcast.model.store import load_model
    from trajcast.settings import Forecast
    from trajcast.trajectory import Trajectory

    settings = read_settings(Forecast, arguments.settings)
    model = load_model(arguments.model, use_device(arguments.device, arguments.threads))
    model.backend = arguments.backend
    with Trajectory(arguments.start) as trajectory:
        if not len(trajectory):
            raise UserError(f"{arguments.start}: no frame to start from")
        positions = trajectory.state(-1).positions
        topology, positions = replicate(trajectory.topology, positions, settings.supercell)
    record = {
        "model": hashlib.sha256(arguments.model.read_bytes()).hexdigest(),
        "start": arguments.start.name,
        "device": arguments.device,
        "backend": arguments.backend,
    }
    with sole_writer(arguments.output):
        results = roll_out(
            model, settings, topology, positions, output=arguments.output, outcome=arguments.outcome, record=record
        )
    for result in results:
        logging.info("%s %s", result["outcome"], result["reason"])
