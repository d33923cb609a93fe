"""The files of the cooling study and the settings they are made with. Paths start at the working directory."""

from __future__ import annotations

from dataclasses import replace

from trajcast.config import section_json
from trajcast.errors import UserError
from trajcast.plan import Plan
from trajcast.settings import whole_multiple
from trajcast.studies import PS, Cooling


def cooling_settings(plan: Plan, system: str) -> Cooling:
    """The study; UserError where the configuration does not ask for it."""
    study = plan.system(system).studies.cooling
    if study is None:
        raise UserError(f"config.yaml: systems.{system}.studies.cooling: missing; add it to ask for its results")
    return study


def cooled_horizons(plan: Plan, system: str) -> list[str]:
    """The horizons (fs) that are cooled, as they stand in paths."""
    horizons_fs = cooling_settings(plan, system).horizons_fs
    return plan.forecast_horizons(system) if horizons_fs is None else [f"{h:g}" for h in sorted(horizons_fs)]


def cooled_md(plan: Plan, system: str) -> list[str]:
    """The reference MD of every seed."""
    return [f"results/{system}/cooling/md-s{seed}.h5md" for seed in _seeds(plan, system)]


def cooled_roll_outs(plan: Plan, system: str) -> list[str]:
    """The roll-outs of every horizon and seed."""
    folders = [f"{plan.main_model_folder(system, horizon)}/cooling" for horizon in cooled_horizons(plan, system)]
    return [f"{folder}/forecast-s{seed}.h5md" for folder in folders for seed in _seeds(plan, system)]


def start_frame(plan: Plan, system: str, seed: str) -> int:
    """The frame of the NVT run where MD and roll-outs with this seed start: those of all seeds are evenly spaced."""
    nvt, seeds = plan.system(system).reference.nvt, _seeds(plan, system)
    frames = whole_multiple(nvt.duration_ps * PS, nvt.interval_fs, "nvt.duration_ps in fs", "nvt.interval_fs")
    return (seeds.index(int(seed)) + 1) * frames // len(seeds) - 1


def roll_out_settings(plan: Plan, system: str, horizon: str, seed: str) -> str:
    """The system's roll-out along the ramp, after its equilibration at the reference's temperature, as JSON."""
    study, values = cooling_settings(plan, system), plan.system(system)
    return section_json(
        replace(
            values.forecast,
            temperature_K=values.reference.temperature_K,
            final_temperature_K=study.final_temperature_K,
            duration_ps=study.duration_ps,
            frame_every=whole_multiple(study.interval_fs, float(horizon), "interval_fs", "the horizon"),
            supercell=[1, 1, 1],
            replicas=1,
            seed=int(seed),
        )
    )


def _seeds(plan: Plan, system: str) -> list[int]:
    return sorted(cooling_settings(plan, system).seeds)
