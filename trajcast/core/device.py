"""Where to compute."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import torch

from trajcast.core.errors import LONGEST, UserError


def use_device(name: str, threads: int) -> torch.device:
    """The device called `name`, ready for use; `auto`: a GPU where there is one. UserError when it is not there.

    Sets the number of CPU threads, and that freed memory is kept for reuse.
    """
    if threads < 1:
        raise UserError(f"--threads {threads}: must be at least 1")
    torch.set_num_threads(threads)
    _keep_freed_memory()
    try:
        device = torch.device(named_device(name))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        known = name == "cpu" or name.partition(":")[0] == "cuda"
        reason = str(error).splitlines()[0].split(". ")[0][:LONGEST] if known else "no such device"
        raise UserError(f"--device {name}: not usable here ({reason}); use cpu, or auto") from None
    return device


def named_device(name: str) -> str:
    """`auto` as `cuda` where PyTorch finds a GPU, else as `cpu`; any other name as it is."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextlib.contextmanager
def tensor_float_32(wanted: bool) -> Iterator[None]:
    """While it lasts, GPUs may round what enters float32 matrix products to TF32, if `wanted`."""
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "tf32" if wanted else "ieee"
    try:
        yield
    finally:
        matmul.fp32_precision = before


def _keep_freed_memory() -> None:
    """Have glibc reuse freed memory: returning it to the system at every step costs a tenth of training."""
    trim_threshold, mmap_threshold = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(mmap_threshold, 2**25)
