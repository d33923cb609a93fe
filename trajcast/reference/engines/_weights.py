"""Fingerprint of the weights that a calculator uses."""

from __future__ import annotations

import hashlib

import torch
from ase.calculators.calculator import BaseCalculator


def weights_sha256(calculator: BaseCalculator) -> str | None:
    """SHA-256 of the names and bytes of all network weights of a calculator; None if it has none."""
    digest, count = hashlib.sha256(), 0
    for _, value in sorted(vars(calculator).items()):
        for network in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(network, torch.nn.Module):
                continue
            for name, tensor in sorted(network.state_dict().items()):
                if isinstance(tensor, torch.Tensor):  # some libraries store other objects, too
                    digest.update(name.encode())
                    digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
                    count += 1
    return digest.hexdigest() if count else None
