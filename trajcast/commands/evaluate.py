"""Mean absolute errors of a model on the test pairs of a data set.

Absolute errors are means over atoms and Cartesian components; relative ones are divided by the mean absolute value of
the same quantity in the test pairs.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="SAFETENSORS", help="the model")
    parser.add_argument("--dataset", type=Path, required=True, metavar="H5", help="what `trajcast dataset` wrote")
    parser.add_argument("--output", type=Path, required=True, metavar="JSON", help="the errors")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--backend", help="a file of trajcast/model/ops (default: the best one for the device)")


def run(arguments: argparse.Namespace) -> None:
    from trajcast.data.dataset import read_dataset
    from trajcast.device import use_device
    from trajcast.files import write_json
    from trajcast.model.store import load_model
    from trajcast.training.evaluation import evaluate

    device = use_device(arguments.device, arguments.threads)
    model = load_model(arguments.model, device)
    model.backend = arguments.backend
    write_json(arguments.output, evaluate(model, read_dataset(arguments.dataset)))
