"""Train a model on a data set.

Writes model.safetensors, model.json and metrics.csv to the output folder. After any interruption, even kill -9, the
same command resumes. To train on several GPUs, start the command with torchrun:
torchrun --nproc-per-node 4 -m trajcast train …

With `stream` in the settings, training pairs come from reference MD that runs during training; the data set provides
only the validation pairs and the scales. Chunks of MD are kept in a hidden folder beside that of the model until the
training ends.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from trajcast.commands._settings import add_settings_argument, settings_of
from trajcast.io import layout
from trajcast.io.path_checks import OutputFolder

if TYPE_CHECKING:
    from trajcast.config.settings import TrainingSettings
    from trajcast.training.streaming import Streaming


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_argument(parser, "section `training`")
    parser.add_argument("--dataset", type=Path, required=True, metavar="H5", help="what `trajcast dataset` wrote")
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder of the model")
    parser.add_argument("--reference-settings", type=Path, metavar="YAML", help="section `reference`, for a stream")
    parser.add_argument("--starts", type=Path, metavar="H5", help="starts.h5 of the reference MD, for a stream")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1, best for small systems)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or auto: a GPU if available (default: cpu)")
    parser.add_argument("--backend", help="a module of trajcast/model/ops (default: the best for the device)")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    from trajcast.config.settings import TrainingSettings
    from trajcast.core.device import named_device, use_device
    from trajcast.core.parallel import local_device, process_group, torchrun_processes
    from trajcast.data.dataset import read_dataset
    from trajcast.io.locks import exclusive_lock
    from trajcast.io.path_checks import check_outputs
    from trajcast.shipped import resolve
    from trajcast.training.loop import train

    processes = torchrun_processes()
    if not processes.is_rank_zero:
        arguments.write_settings = None  # one process writes
    settings = settings_of(TrainingSettings, arguments)
    device = use_device(local_device(named_device(arguments.device)), arguments.threads)
    if settings.initial is not None:
        written = [arguments.output / name for name in (layout.WEIGHTS_FILE, layout.RECORD_FILE)]
        initial = resolve(settings.initial)
        check_outputs(written, [initial, initial.with_suffix(".json")])
    dataset = read_dataset(arguments.dataset)
    if not processes.is_rank_zero:
        logging.disable(logging.INFO)
    with (
        exclusive_lock(arguments.output) if processes.is_rank_zero else nullcontext(),
        process_group(processes, device),
        _stream(arguments, settings, dataset.horizon_fs, processes.is_rank_zero) as stream,
    ):
        train(
            settings, dataset, arguments.output, device, backend=arguments.backend, processes=processes, stream=stream
        )


@contextmanager
def _stream(
    arguments: argparse.Namespace, settings: TrainingSettings, horizon_fs: float, is_rank_zero: bool
) -> Iterator[Streaming | None]:
    """Streamed pairs of reference MD if requested, else None; its files are removed after success."""
    if settings.stream is None:
        yield None
        return
    from trajcast.core.errors import UserError
    from trajcast.training.streaming import Source, streaming

    if arguments.reference_settings is None or arguments.starts is None:
        raise UserError(
            "training.stream needs reference MD; give --reference-settings and --starts, or leave stream out"
        )
    source = Source(
        stream=settings.stream,
        settings=arguments.settings,
        reference_settings=arguments.reference_settings,
        starts=arguments.starts,
        horizon_fs=horizon_fs,
        steps=2 if settings.multistep_fraction else 1,
    )
    folder = arguments.output.parent / f".{arguments.output.name}.chunks"
    with streaming(source, folder, is_rank_zero) as stream:
        yield stream
    if is_rank_zero:
        shutil.rmtree(folder, ignore_errors=True)
