"""What the workflow makes of the studies of a configuration: their results, and the settings of their rollouts."""

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
    """Horizon, number of samples and seed of every model of the learning curves."""
    study = plan.system(system).studies.learning
    if study is None:
        return []
    return list(product(in_paths(study.horizons_fs), sorted(study.samples), sorted(study.seeds)))


def thermostat_runs(plan: Plan, system: str) -> list[tuple[str, float, int]]:
    """Horizon, relaxation time in horizons and seed of every rollout of the thermostat study."""
    study = plan.system(system).studies.thermostat
    if study is None:
        return []
    horizons = in_paths(study.horizons_fs or plan.system(system).all_horizons_fs)
    return list(product(horizons, sorted(study.tau_horizons), sorted(study.seeds)))


def thermostat_run(plan: Plan, system: str, horizon: str, tau_horizons: float, seed: int) -> str:
    """The temperatures of one rollout of the thermostat study: JSON with mean and width."""
    model = plan.main_model(system, horizon)
    return at(layout.THERMOSTAT, system=system, horizon=horizon, model=model, tau=f"{tau_horizons:g}", seed=seed)


def thermostat_settings(plan: Plan, system: str, horizon: str, tau_horizons: str, seed: str) -> str:
    """The rollout of the thermostat study with this relaxation time and seed: every step a frame."""
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
    """The largest sound time step of the reference MD (JSON), if requested."""
    return [at(layout.TIMESTEP, system=system)] if plan.system(system).studies.timestep else []


def timestep_settings(plan: Plan, system: str) -> str:
    """The study's section."""
    return section_json(asked_for(system, "timestep", plan.system(system).studies.timestep))


def same_start(plan: Plan, system: str) -> list[str]:
    """The horizons (fs) of the rollouts at constant energy that start where reference MD does."""
    study = plan.system(system).studies.same_start
    return in_paths(study.horizons_fs) if study else []


def same_start_files(plan: Plan, system: str, horizon: str) -> tuple[str, str]:
    """Reference MD and rollout from the same state; time 0 of both is the start."""
    where = {"system": system, "horizon": horizon, "model": plan.main_model(system, horizon)}
    return at(layout.SAME_START_MD, **where), at(layout.SAME_START_ROLLOUT, **where)


def same_start_settings(plan: Plan, system: str) -> str:
    """The rollout from a reference state, at constant energy."""
    study = asked_for(system, "same_start", plan.system(system).studies.same_start)
    return _rollout(plan, system, duration_ps=study.duration_fs / PS, equilibration_ps=0.0, thermostat=None)


def speed_settings(plan: Plan, system: str, horizon: str, cell: str) -> str:
    """The rollout of a supercell whose steps are timed."""
    steps = asked_for(system, "speed", plan.system(system).studies.speed).steps
    return _rollout(
        plan,
        system,
        duration_ps=steps * float(horizon) / PS,
        equilibration_ps=0.0,
        supercell=[int(copies) for copies in cell.split("x")],
    )


def _rollout(plan: Plan, system: str, **changes: Any) -> str:
    """The system's rollout with changes, as one run of which every step is a frame."""
    settings = replace(plan.system(system).rollout, frame_every=1, replicas=1)
    return section_json(replace(settings, **changes))


def speed(plan: Plan, system: str) -> list[str]:
    """The measured speed of every supercell, at every horizon that is rolled out: JSON."""
    study = plan.system(system).studies.speed
    cells = ["x".join(map(str, cell)) for cell in study.supercells] if study else []
    models = [(horizon, plan.main_model(system, horizon)) for horizon in plan.rollout_horizons(system)]
    return [
        at(layout.SPEED, system=system, horizon=horizon, model=model, cell=cell)
        for horizon, model in models
        for cell in cells
    ]


def asked_for(system: str, name: str, study: Study | None) -> Study:
    """The study; UserError where the configuration does not ask for it."""
    if study is None:
        raise UserError(f"config.yaml: systems.{system}.studies.{name}: missing; add it to ask for its results")
    return study
