"""Selection of the compute device and of its float32 precision."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import torch

from trajcast.core.errors import LONGEST, UserError


def use_device(name: str, threads: int) -> torch.device:
    """Select a device and initialise it.

    Also sets the number of CPU threads and makes the C library keep freed memory for reuse.

    Args:
        name: PyTorch's name of the device, or `auto` for a GPU if available and the CPU otherwise.
        threads: Number of CPU threads.

    Raises:
        UserError: If `threads` is below 1 or the device is not available.
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
        raise UserError(f"--device {name}: not usable here ({reason}); use cpu or auto") from None
    return device


def named_device(name: str) -> str:
    """Resolve `auto` to `cuda` if PyTorch finds a GPU, else to `cpu`; return any other name unchanged."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextlib.contextmanager
def tensor_float_32(wanted: bool) -> Iterator[None]:
    """Within the block, let GPUs round the operands of float32 matrix products to TF32 if `wanted`."""
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "tf32" if wanted else "ieee"
    try:
        yield
    finally:
        matmul.fp32_precision = before


def _keep_freed_memory() -> None:
    """Make glibc reuse freed memory: returning it to the system at every step costs 10 % of the training time."""
    trim_threshold, mmap_threshold = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(mmap_threshold, 2**25)
