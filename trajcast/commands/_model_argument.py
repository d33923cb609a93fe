"""The argument `--model`."""

from __future__ import annotations

import argparse
from pathlib import Path

from trajcast.core.errors import UserError
from trajcast.shipped import resolve


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--model`: the path of a model's weights, or the name of a shipped model."""
    parser.add_argument(
        "--model",
        type=_model_file,
        required=True,
        metavar="SAFETENSORS|NAME",
        help="file of the model, or name of a shipped model (`trajcast models` lists them)",
    )


def _model_file(model: str) -> Path:
    try:
        return resolve(model)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None  # argparse shows no other message
