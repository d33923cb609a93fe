"""Estimated cost of many jobs, summed by system and stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trajcast.pipeline.estimate.prices import Prices
from trajcast.pipeline.jobs import PlannedJob
from trajcast.pipeline.plan import Plan

STAGES = {
    "reference MD": ("equilibration", "nve", "nvt", "nvt_2", "health", "literature"),
    "data sets": ("dataset",),
    "training": ("train",),
    "test errors": ("evaluate",),
    "rollouts": ("rollout",),
    "studies": ("timestep", "thermostat", "same_start", "speed", "cooling_md", "cooling_rollout", "cooling"),
    "observables": ("observe",),
}
OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of one stage of a system."""

    system: str
    stage: str
    jobs: int = 0
    core_hours: float = 0.0  # without a GPU
    core_hours_beside_gpu: float = 0.0  # with a GPU: jobs on CPUs, and one core beside each GPU
    gpu_hours: float = 0.0
    disk_GB: float = 0.0


def costs(plan: Plan, jobs: Iterable[PlannedJob]) -> tuple[list[Cost], list[str]]:
    """Costs by system and stage, and the names of the rules without a price."""
    prices, unknown = Prices(plan), []
    sums: dict[tuple[str, str], Cost] = {}
    for job in jobs:
        rule = "rollout" if job.rule.startswith("rollout_") and job.rule.endswith("_replicas") else job.rule
        price = prices.of(rule, job.wildcards)
        if price is None:
            unknown.append(job.rule)
        key = job.wildcards.get("system", "all"), stage_of(rule)
        before = sums.get(key, Cost(system=key[0], stage=key[1]))
        cpu, gpu, disk = (price.cpu_s, price.gpu_s, price.disk) if price else (0.0, None, 0.0)
        sums[key] = Cost(
            system=key[0],
            stage=key[1],
            jobs=before.jobs + 1,
            core_hours=before.core_hours + cpu / 3600,
            core_hours_beside_gpu=before.core_hours_beside_gpu + (cpu if gpu is None else gpu) / 3600,
            gpu_hours=before.gpu_hours + (gpu or 0.0) / 3600,
            disk_GB=before.disk_GB + disk / 1e9,
        )
    order = [*STAGES, OTHER]
    rows = sorted(sums.values(), key=lambda cost: (cost.system == "all", cost.system, order.index(cost.stage)))
    return rows, sorted(set(unknown))


def total(rows: Iterable[Cost]) -> Cost:
    """Sum of all costs."""
    rows = list(rows)
    names = ("jobs", "core_hours", "core_hours_beside_gpu", "gpu_hours", "disk_GB")
    return Cost(system="total", stage="", **{name: sum(getattr(row, name) for row in rows) for name in names})


def stage_of(rule: str) -> str:
    """Name of a rule's stage in tables."""
    return next((stage for stage, rules in STAGES.items() if rule in rules), OTHER)
