"""Turn a released checkpoint of IBM's trajcast 1.x into a model file.

Takes the weights (state_dict_e3nn.pt) and the configuration (config_e3nn.yaml) of one of its models, as in
huggingface.co/ibm-research/trajcast.models-arxiv2025. Which element each of its types stands for is in neither: the
released models number theirs by ascending atomic number. Nor is the horizon: 7 fs for paracetamol, 30 fs for quartz,
5 fs for water. Without it a model can be evaluated, not rolled out.

Code inside the weights' file is not run.

Example:
  trajcast import --weights state_dict_e3nn.pt --config config_e3nn.yaml --elements H,C,N,O --horizon-fs 7 \\
      --output paracetamol.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.io.path_checks import OutputFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, required=True, metavar="PT", help="the checkpoint")
    parser.add_argument("--config", type=Path, required=True, metavar="YAML", help="the configuration of its network")
    parser.add_argument("--elements", required=True, metavar="H,C,…", help="symbols in the order of its types")
    parser.add_argument("--horizon-fs", type=float, metavar="FS", help="time that one prediction spans")
    parser.add_argument(
        "--output",
        type=OutputFile,
        required=True,
        metavar="SAFETENSORS",
        help="the model; its .json is written beside it",
    )


def run(arguments: argparse.Namespace) -> None:
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
        raise UserError(
            f"--output {output}: a model's name ends in .safetensors, its description's in .json; correct it"
        )
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
