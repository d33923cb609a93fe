"""Use a finished model instead of training one: check its two files and copy them.

The model is a .safetensors file of `trajcast train` or `trajcast import`, with its .json beside it, or a shipped model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.commands._model_argument import add_model_argument
from trajcast.io import layout
from trajcast.io.path_checks import OutputFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_model_argument(parser)
    parser.add_argument("--horizon-fs", type=float, required=True, metavar="FS", help="required horizon of the model")
    parser.add_argument("--output", type=OutputFolder, required=True, metavar="DIR", help="folder of the copy")


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    import math

    from trajcast.core.errors import UserError
    from trajcast.io.files import atomic_write
    from trajcast.io.path_checks import check_outputs
    from trajcast.model.store import load_model

    source: Path = arguments.model
    if not (math.isfinite(arguments.horizon_fs) and arguments.horizon_fs > 0):
        raise UserError(f"--horizon-fs {arguments.horizon_fs:g} is wrong; give a time in fs, above zero")
    horizon_fs = load_model(source).scales.horizon_fs
    if math.isnan(horizon_fs):
        raise UserError(
            f"{source}: does not state its horizon; if it is {arguments.horizon_fs:g} fs, import it again with "
            f"--horizon-fs {arguments.horizon_fs:g}"
        )
    if abs(horizon_fs - arguments.horizon_fs) > 1e-6:
        raise UserError(
            f"{source}: its horizon is {horizon_fs:g} fs, not the requested {arguments.horizon_fs:g} fs; "
            "request its own horizon"
        )
    check_outputs(
        [arguments.output / f"model{s}" for s in (".safetensors", ".json")], [source, source.with_suffix(".json")]
    )
    for original, name in ((source, layout.WEIGHTS_FILE), (source.with_suffix(".json"), layout.RECORD_FILE)):
        with atomic_write(arguments.output / name) as aside:
            aside.write_bytes(original.read_bytes())
