"""Convert a released checkpoint of IBM's trajcast 1.x to a model file.

Reads the weights (state_dict_e3nn.pt) and the configuration (config_e3nn.yaml) of a model, as in
huggingface.co/ibm-research/trajcast.models-arxiv2025. They contain neither the elements of the model's types, which are
in order of atomic number in the released models, nor the horizon: 7 fs for paracetamol, 30 fs for quartz, 5 fs for
water. A model without a horizon can be evaluated but not rolled out.

Code in the weights file is not executed.

Example:
  trajcast import --weights state_dict_e3nn.pt --config config_e3nn.yaml --elements H,C,N,O --horizon-fs 7 \\
      --output paracetamol.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--weights", type=Path, required=True, metavar="PT", help="the checkpoint")
    parser.add_argument("--config", type=Path, required=True, metavar="YAML", help="configuration of its network")
    parser.add_argument("--elements", required=True, metavar="H,C,…", help="symbols in the order of the model's types")
    parser.add_argument("--horizon-fs", type=float, metavar="FS", help="horizon of the model")
    parser.add_argument(
        "--output",
        type=OutputFile,
        required=True,
        metavar="SAFETENSORS",
        help="file to write the model to, with its .json beside it",
    )


def run(arguments: argparse.Namespace) -> None:
    """Carry out the command."""
    import logging
    import math

    from trajcast.config.files import read_yaml
    from trajcast.core.errors import UserError
    from trajcast.io.files import file_hash
    from trajcast.io.path_checks import check_outputs
    from trajcast.io.provenance import provenance
    from trajcast.model.released import atomic_numbers, import_model, read_configuration
    from trajcast.model.store import save_model

    horizon_fs, output = arguments.horizon_fs, arguments.output
    if horizon_fs is not None and not (math.isfinite(horizon_fs) and horizon_fs > 0):
        raise UserError(f"--horizon-fs {horizon_fs:g} is wrong; give a time in fs, above zero")
    if output.suffix != ".safetensors":
        raise UserError(f"--output {output}: the name of a model must end in .safetensors; correct it")
    check_outputs([output.with_suffix(".json")], [arguments.weights, arguments.config])
    elements = [symbol.strip() for symbol in arguments.elements.split(",")]
    configuration = read_configuration(arguments.config)
    model = import_model(arguments.weights, configuration, atomic_numbers(elements), horizon_fs)
    sources = [{"file": str(path), "sha256": file_hash(path)} for path in (arguments.weights, arguments.config)]
    settings = {"elements": elements, "horizon_fs": horizon_fs, "configuration": read_yaml(arguments.config)}
    save_model(
        output,
        model,
        provenance=provenance("import", settings, sources=sources),
        training={"code": "IBM trajcast 1.x"},
    )
    count = sum(p.numel() for p in model.parameters())
    logging.info("%s: %d parameters for %s", output, count, ", ".join(elements))
