"""The outcome of a rollout, as written to its JSON file."""

from __future__ import annotations

from typing import Any

import torch

from trajcast.config.settings import RolloutSettings
from trajcast.core.units import PS
from trajcast.model.network import TrajCast
from trajcast.rollout.replicas import Replica
from trajcast.rollout.rules.guard import Ending
from trajcast.rollout.steps import StepCounts


def outcome_record(model: TrajCast, settings: RolloutSettings, counts: StepCounts, replica: Replica) -> dict[str, Any]:
    """How one replica ended, with its length, speed, device and settings."""
    horizon_fs, alarm = model.scales.horizon_fs, replica.alarm
    produced = max(0, replica.steps - counts.equilibration)
    simulated_ns = replica.steps * horizon_fs / PS / 1000
    return {
        "outcome": alarm.ending.value if alarm else Ending.COMPLETED.value,
        "reason": alarm.reason if alarm else "",
        "step": replica.steps,
        "steps_planned": counts.total,
        "time_ps": produced * horizon_fs / PS,
        "planned_ps": counts.production * horizon_fs / PS,
        "equilibration_ps": counts.equilibration * horizon_fs / PS,
        "frames": counts.frames(replica.steps),
        "horizon_fs": horizon_fs,
        "wall_s": replica.wall_s,
        "ns_per_day": simulated_ns / replica.wall_s * 86400 if replica.wall_s else None,
        "threads": torch.get_num_threads(),
        "device": str(model.device),
        "backend": backend_name(model),
        "replicas": settings.replicas,
        "atoms": replica.reporter.spec.n_atoms,
        "ensemble": ensemble(settings),
        "identity": replica.reporter.identity,
    }


def backend_name(model: TrajCast) -> str:
    """Name of the backend that the model computes with."""
    return model.ops.__name__.rpartition(".")[2]


def ensemble(settings: RolloutSettings) -> str:
    """Ensemble and thermostat, e.g. "NVT (CSVR)"."""
    if settings.thermostat is None:
        return "NVE"
    ramp = "" if settings.final_temperature_K is None else f", to {settings.final_temperature_K:g} K"
    return f"NVT ({settings.thermostat.upper().replace('_', ' ')}{ramp})"


def canonical_temperature(settings: RolloutSettings) -> float | None:
    """Temperature (K) of the canonical ensemble that a rollout samples; None at constant energy or along a ramp."""
    constant = settings.thermostat is not None and settings.final_temperature_K is None
    return settings.temperature_K if constant else None
