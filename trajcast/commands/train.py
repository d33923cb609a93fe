"""Train a model on a data set.

Writes model.safetensors, model.json and metrics.csv to the output folder. Stopped in any way, even by kill -9, the same
command goes on where it was. Several GPUs share the work when torchrun starts the command on each:
torchrun --nproc-per-node 4 -m trajcast train …
"""

from __future__ import annotations

import argparse
import logging
from contextlib import nullcontext
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="section `training`")
    parser.add_argument("--dataset", type=Path, required=True, metavar="H5", help="what `trajcast dataset` wrote")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the model")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1, best for small systems)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or auto: a GPU where there is one (default: cpu)")
    parser.add_argument("--backend", help="a file of trajcast/model/ops (default: the best one for the device)")


def run(arguments: argparse.Namespace) -> None:
    from trajcast.config import read_settings
    from trajcast.data.dataset import read_dataset
    from trajcast.device import named_device, use_device
    from trajcast.files import sole_writer
    from trajcast.parallel import joined, local_device, started
    from trajcast.settings import Training
    from trajcast.training.loop import train

    settings = read_settings(Training, arguments.settings)
    device = use_device(local_device(named_device(arguments.device)), arguments.threads)
    dataset = read_dataset(arguments.dataset)
    processes = started()
    if not processes.leads:
        logging.disable(logging.INFO)
    with sole_writer(arguments.output) if processes.leads else nullcontext(), joined(processes, device):
        train(settings, dataset, arguments.output, device, backend=arguments.backend, processes=processes)
