"""Where to compute."""

from __future__ import annotations

import torch

from trajcast.errors import UserError


def use_device(name: str, threads: int) -> torch.device:
    """The device called `name`; sets the number of CPU threads. UserError when it is not there."""
    if threads < 1:
        raise UserError(f"--threads {threads}: must be at least 1")
    torch.set_num_threads(threads)
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name}: not usable here: {str(error).splitlines()[0]}") from None
    return device
