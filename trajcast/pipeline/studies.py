"""Results of the studies of a configuration, and the settings of their rollouts."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, TypeVar

from trajcast.config.settings import Settings
from trajcast.config.validation import section_json
from trajcast.core.errors import UserError
from trajcast.core.units import PS
from trajcast.io import layout
from trajcast.io.layout import at
from trajcast.pipeline.plan import Plan, in_paths

Study = TypeVar("Study", bound=Settings)


def learning(plan: Plan, system: str) -> list[tuple[str, int, int]]:
    """Horizon, number of samples and seed of each model of the learning curves."""
    study = plan.system(system).studies.learning
    if study is None:
        return []
    return list(product(in_paths(study.horizons_fs), sorted(study.samples), sorted(study.seeds)))


def thermostat_runs(plan: Plan, system: str) -> list[tuple[str, float, int]]:
    """Horizon, relaxation time in horizons and seed of each rollout of the thermostat study."""
    study = plan.system(system).studies.thermostat
    if study is None:
        return []
    horizons = in_paths(study.horizons_fs or plan.system(system).all_horizons_fs)
    return list(product(horizons, sorted(study.tau_horizons), sorted(study.seeds)))


def thermostat_run(plan: Plan, system: str, horizon: str, tau_horizons: float, seed: int) -> str:
    """Temperatures of one rollout of the thermostat study: JSON with mean and standard deviation."""
    model = plan.main_model(system, horizon)
    return at(layout.THERMOSTAT, system=system, horizon=horizon, model=model, tau=f"{tau_horizons:g}", seed=seed)


def thermostat_settings(plan: Plan, system: str, horizon: str, tau_horizons: str, seed: str) -> str:
    """Settings of the thermostat study's rollout with this relaxation time and seed, with every step a frame."""
    steps = asked_for(system, "thermostat", plan.system(system).studies.thermostat).steps
    return _rollout(
        plan,
        system,
        duration_ps=steps * float(horizon) / PS,
        equilibration_ps=max(1, steps // 10) * float(horizon) / PS,
        tau_horizons=float(tau_horizons),
        seed=int(seed),
    )


def timestep(plan: Plan, system: str) -> list[str]:
    """Result of the timestep study (JSON), if requested."""
    return [at(layout.TIMESTEP, system=system)] if plan.system(system).studies.timestep else []


def timestep_settings(plan: Plan, system: str) -> str:
    """Settings of the timestep study."""
    return section_json(asked_for(system, "timestep", plan.system(system).studies.timestep))


def same_start(plan: Plan, system: str) -> list[str]:
    """Horizons (fs) of the NVE rollouts that start from a state of reference MD, as written in paths."""
    study = plan.system(system).studies.same_start
    return in_paths(study.horizons_fs) if study else []


def same_start_files(plan: Plan, system: str, horizon: str) -> tuple[str, str]:
    """Trajectories of reference MD and rollout from the same state, with time 0 at the start."""
    where = {"system": system, "horizon": horizon, "model": plan.main_model(system, horizon)}
    return at(layout.SAME_START_MD, **where), at(layout.SAME_START_ROLLOUT, **where)


def same_start_settings(plan: Plan, system: str) -> str:
    """Settings of the NVE rollout from a state of reference MD."""
    study = asked_for(system, "same_start", plan.system(system).studies.same_start)
    return _rollout(plan, system, duration_ps=study.duration_fs / PS, equilibration_ps=0.0, thermostat=None)


def speed_settings(plan: Plan, system: str, horizon: str, cell: str) -> str:
    """Settings of the timed rollout of a supercell."""
    steps = asked_for(system, "speed", plan.system(system).studies.speed).steps
    return _rollout(
        plan,
        system,
        duration_ps=steps * float(horizon) / PS,
        equilibration_ps=0.0,
        supercell=[int(copies) for copies in cell.split("x")],
    )


def _rollout(plan: Plan, system: str, **changes: Any) -> str:
    """Settings of the system's rollout with changes, one replica and every step a frame."""
    settings = replace(plan.system(system).rollout, frame_every=1, replicas=1)
    return section_json(replace(settings, **changes))


def speed(plan: Plan, system: str) -> list[str]:
    """Measured speeds (JSON) of each supercell, at each horizon with rollouts."""
    study = plan.system(system).studies.speed
    cells = ["x".join(map(str, cell)) for cell in study.supercells] if study else []
    models = [(horizon, plan.main_model(system, horizon)) for horizon in plan.rollout_horizons(system)]
    return [
        at(layout.SPEED, system=system, horizon=horizon, model=model, cell=cell)
        for horizon, model in models
        for cell in cells
    ]


def asked_for(system: str, name: str, study: Study | None) -> Study:
    """Settings of a study.

    Raises:
        UserError: The configuration does not include the study.
    """
    if study is None:
        raise UserError(f"config.yaml: systems.{system}.studies.{name}: missing; add it to request its results")
    return study
