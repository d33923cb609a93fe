"""Resources and environments of the workflow's rules, as functions of wildcards and attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trajcast.pipeline.plan import Plan


def growing(amount: int) -> Callable[[Any, int], int]:
    """A resource proportional to the number of the attempt."""
    return lambda wildcards, attempt: amount * attempt


def with_forces(plan: Plan, usual: str) -> Callable[[Any], str]:
    """Environment of a rule that computes forces: that of the system's potential if it has one, else `usual`."""
    return lambda wildcards: f"../../envs/{plan.environment(wildcards.system) or usual}.yaml"


def memory_of_forces(plan: Plan, amount: int) -> Callable[[Any, int], int]:
    """Memory (MB) of a rule that computes forces: more for a potential with its own environment."""
    return lambda wildcards, attempt: (amount + 4000 * bool(plan.environment(wildcards.system))) * attempt


def gpu_of_forces(plan: Plan) -> Callable[[Any], int]:
    """Number of GPUs of a rule that computes forces: 1 if the potential may use one, else 0."""
    return lambda wildcards: int(plan.forces_on_gpu(wildcards.system))
