"""Files and settings of the cooling study. Paths are relative to the working directory."""

from __future__ import annotations

import math
from dataclasses import fields, replace

from trajcast.config.settings import RolloutSettings, whole_multiple
from trajcast.config.studies import PS, CoolingStudy, RampSettings
from trajcast.io import layout
from trajcast.io.layout import at
from trajcast.pipeline.plan import Plan, in_paths
from trajcast.pipeline.studies import asked_for

GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


def cooling_study(plan: Plan, system: str) -> CoolingStudy:
    """Settings of the study.

    Raises:
        UserError: The configuration does not include it.
    """
    return asked_for(system, "cooling", plan.system(system).studies.cooling)


def cooled_horizons(plan: Plan, system: str) -> list[str]:
    """Horizons of the cooled rollouts, fs, as written in paths."""
    horizons_fs = cooling_study(plan, system).horizons_fs
    return plan.rollout_horizons(system) if horizons_fs is None else in_paths(horizons_fs)


def cooled_md(plan: Plan, system: str) -> list[str]:
    """Trajectories of the reference MD, one per seed."""
    return [at(layout.COOLED_MD, system=system, seed=seed) for seed in _seeds(plan, system)]


def cooled_rollouts(plan: Plan, system: str) -> list[str]:
    """Trajectories of the rollouts, one per horizon and seed."""
    models = [(horizon, plan.main_model(system, horizon)) for horizon in cooled_horizons(plan, system)]
    return [
        at(layout.COOLED_ROLLOUT, system=system, horizon=horizon, model=model, seed=seed)
        for horizon, model in models
        for seed in _seeds(plan, system)
    ]


def ramp(plan: Plan, system: str) -> RampSettings:
    """The ramp, the part of the study that the reference MD depends on."""
    study = cooling_study(plan, system)
    return RampSettings(**{field.name: getattr(study, field.name) for field in fields(RampSettings)})


def start_frame(plan: Plan, system: str, seed: str) -> int:
    """Frame of the NVT run from which MD and rollouts with this seed start, independent of the other seeds.

    Multiples of the golden ratio keep the frames of consecutive seeds far apart.
    """
    nvt = plan.system(system).reference.nvt
    frames = whole_multiple(nvt.duration_ps * PS, nvt.interval_fs, "nvt.duration_ps in fs", "nvt.interval_fs")
    return int(int(seed) * GOLDEN_RATIO % 1 * frames)


def rollout_settings(plan: Plan, system: str, horizon: str, seed: str) -> RolloutSettings:
    """Settings of a rollout along the ramp, after equilibration at the reference temperature."""
    study, values = cooling_study(plan, system), plan.system(system)
    return replace(
        values.rollout,
        temperature_K=values.reference.temperature_K,
        final_temperature_K=study.final_temperature_K,
        duration_ps=study.duration_ps,
        frame_every=whole_multiple(study.interval_fs, float(horizon), "interval_fs", "the horizon"),
        supercell=[1, 1, 1],
        replicas=1,
        seed=int(seed),
    )


def _seeds(plan: Plan, system: str) -> list[int]:
    return sorted(cooling_study(plan, system).seeds)
