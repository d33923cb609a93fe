"""Compare outputs and gradients of a whole network between a backend and the modules of e3nn, on one device."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from benchmarks.cases import CASES, state
from benchmarks.models import bare_model, scaled_weights
from trajcast.core.neighbors.find import find_neighbors

LIMITS = {"float64": 1e-9, "float32": 1e-5}  # relative, for outputs and for the gradient of all weights
GROUP_FACTOR = 10.0  # larger limit for single weight tensors, whose gradients may be small sums that cancel


def compare(case: str, network: str, dtype: str, backend: str, device: torch.device) -> dict[str, Any]:
    """Relative differences (of norms) from the `e3nn` backend, and whether they are within LIMITS."""
    found, expected = _computed(case, network, dtype, backend, device), _computed(case, network, dtype, "e3nn", device)
    groups = [_difference(a, b) for a, b in zip(found[1], expected[1], strict=True)]
    whole = (torch.cat([g.flatten() for g in gradients]) for gradients in (found[1], expected[1]))
    differences = {
        "displacement": _difference(found[0][0], expected[0][0]),
        "velocity": _difference(found[0][1], expected[0][1]),
        "gradient": _difference(*whole),
    }
    limit = LIMITS[dtype]
    within = max(differences.values()) <= limit and max(groups) <= GROUP_FACTOR * limit
    return {**differences, "gradient_of_worst_group": max(groups), "limit": limit, "within": within}


@cache
def _computed(
    case: str, network: str, dtype: str, backend: str, device: torch.device
) -> tuple[list[Tensor], list[Tensor]]:
    """Displacement and velocity predicted without the baseline, and the gradient of a random linear combination."""
    model = bare_model(CASES[case], network)
    model.load_state_dict(_weights(CASES[case].system, network))
    model.baseline.zero_()  # otherwise it would hide the contribution of the network
    model.to(device=device, dtype=getattr(torch, dtype))
    model.backend = backend
    start = state(CASES[case]).to(device=device)
    predicted = model(start, find_neighbors(start, CASES[case].cutoff))
    outputs = [predicted.displacement, predicted.velocity]
    rng = torch.Generator().manual_seed(1)
    total = torch.zeros((), dtype=torch.float64, device=device)
    for output in outputs:
        seeds = torch.randn(output.shape, generator=rng, dtype=torch.float64).to(device)
        total = total + (seeds * output).sum() / output.detach().abs().mean()
    gradients = torch.autograd.grad(total, list(model.parameters()), materialize_grads=True)
    return [o.detach().double() for o in outputs], [g.double() for g in gradients]


@cache
def _weights(system: str, network: str) -> dict[str, Tensor]:
    return scaled_weights(next(case for case in CASES.values() if case.system == system), network)


def _difference(found: Tensor, expected: Tensor) -> float:
    """|found − expected| / |expected|, at most 10⁹, also if it is not finite."""
    distance, size = float((found - expected).norm()), float(expected.norm())
    ratio = distance / size if size > 0 else distance
    return ratio if ratio < 1e9 else 1e9
