"""What a rule of the workflow is given, as functions of wildcards and attempt that Snakemake asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trajcast.pipeline.plan import Plan


def growing(amount: int) -> Callable[[Any, int], int]:
    """A resource of which every further attempt gets as much again."""
    return lambda wildcards, attempt: amount * attempt


def with_forces(plan: Plan, usual: str) -> Callable[[Any], str]:
    """The environment of a rule that computes forces: that of the system's potential, where it has one of its own."""
    return lambda wildcards: f"../../envs/{plan.environment(wildcards.system) or usual}.yaml"


def memory_of_forces(plan: Plan, amount: int) -> Callable[[Any, int], int]:
    """Memory, MB, of a rule that computes forces: more for a network with the library that it needs."""
    return lambda wildcards, attempt: (amount + 4000 * bool(plan.environment(wildcards.system))) * attempt


def gpu_of_forces(plan: Plan) -> Callable[[Any], int]:
    """1 for a potential that may compute on a GPU."""
    return lambda wildcards: int(plan.forces_on_gpu(wildcards.system))
