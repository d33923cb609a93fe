"""The argument by which commands are told a model."""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.shipped import resolve


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """`--model`: the path of a model's weights, or a shipped model's name."""
    parser.add_argument(
        "--model",
        type=_model_file,
        required=True,
        metavar="SAFETENSORS|NAME",
        help="the model: its file, or the name of one that is shipped (`trajcast models` lists them)",
    )


def _model_file(model: str) -> Path:
    try:
        return resolve(model)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None  # argparse hides the message of any other
