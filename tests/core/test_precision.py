"""TF32 is on only where it was asked for, and only while it was."""

from __future__ import annotations

import pytest
import torch

from trajcast.config.settings import TrainingSettings
from trajcast.config.validation import validate
from trajcast.core.device import tensor_float_32
from trajcast.core.errors import UserError


def test_tf32_ends_with_the_block_even_on_an_error() -> None:
    before = torch.backends.cuda.matmul.fp32_precision
    with tensor_float_32(True):
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
        with tensor_float_32(False):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        with pytest.raises(InterruptedError), tensor_float_32(False):
            raise InterruptedError
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    assert torch.backends.cuda.matmul.fp32_precision == before


def test_tf32_without_float32_is_refused() -> None:
    given = {"samples": 1, "seed": 1, "tf32": True}
    assert validate(TrainingSettings, {**given, "dtype": "float32"}, "training.yaml").tf32
    with pytest.raises(UserError, match="tf32 is true, but dtype is float64; set dtype to float32"):
        validate(TrainingSettings, given, "training.yaml")
