"""Studies beyond the report, under `studies`, for the figures and tables of arXiv:2503.23794."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from trajcast.config.settings import Count, Positive, Rule, Seed, Settings, distinct, whole_multiple

Some = Rule(min_length=1)
PS = 1000.0  # fs; as in trajcast.core.units, whose import would load SciPy


@dataclass(frozen=True, kw_only=True)
class LearningStudy(Settings):
    """Test errors of models trained on subsets of the data with several seeds."""

    samples: Annotated[list[Count], Some]
    seeds: Annotated[list[Seed], Some]
    horizons_fs: Annotated[list[Positive], Some]

    def __post_init__(self) -> None:
        distinct("samples", self.samples)
        distinct("seeds", self.seeds)
        distinct("horizons_fs", self.horizons_fs)


@dataclass(frozen=True, kw_only=True)
class ThermostatStudy(Settings):
    """Mean and standard deviation of the temperature of rollouts as functions of the thermostat relaxation time."""

    tau_horizons: Annotated[list[Positive], Some]
    seeds: Annotated[list[Seed], Some]
    steps: Count  # of production, after an equilibration of a tenth of that
    horizons_fs: Annotated[list[Positive], Some] | None = None  # null: all horizons of the system

    def __post_init__(self) -> None:
        distinct("tau_horizons", self.tau_horizons)
        distinct("seeds", self.seeds)
        distinct("horizons_fs", self.horizons_fs or [])


@dataclass(frozen=True, kw_only=True)
class SameStartStudy(Settings):
    """Rollouts and reference MD from the same state, both NVE."""

    horizons_fs: Annotated[list[Positive], Some]
    duration_fs: Positive = 500.0

    def __post_init__(self) -> None:
        distinct("horizons_fs", self.horizons_fs)


@dataclass(frozen=True, kw_only=True)
class SpeedStudy(Settings):
    """Time of `steps` steps without output for supercells of the system."""

    supercells: Annotated[list[Annotated[list[Count], Rule(min_length=3, max_length=3)]], Some]
    steps: Count = 1000

    def __post_init__(self) -> None:
        distinct("supercells", self.supercells)


@dataclass(frozen=True, kw_only=True)
class TimestepStudy(Settings):
    """The largest of these timesteps of NVE reference MD whose energy drift is acceptable."""

    timesteps_fs: Annotated[list[Positive], Some]
    duration_ps: Positive = 1.0

    def __post_init__(self) -> None:
        distinct("timesteps_fs", self.timesteps_fs)


@dataclass(frozen=True, kw_only=True)
class RampSettings(Settings):
    """Temperature ramp, linear in time, that starts at the reference temperature."""

    final_temperature_K: Positive
    duration_ps: Positive
    interval_fs: Positive  # between frames


@dataclass(frozen=True, kw_only=True)
class CoolingStudy(RampSettings):
    """Reference MD and rollouts along a ramp beyond the temperature of the training data.

    Each seed gives a run of both, from its own start; standard errors come from the spread over the runs.
    """

    windows: Count  # intervals of equal length, each with its own averages
    seeds: Annotated[list[Seed], Rule(min_length=2)]
    horizons_fs: Annotated[list[Positive], Some] | None = None  # null: all horizons with rollouts

    def __post_init__(self) -> None:
        distinct("seeds", self.seeds)
        distinct("horizons_fs", self.horizons_fs or [])
        whole_multiple(self.window_fs, self.interval_fs, "the window duration_ps / windows, in fs,", "interval_fs")

    @property
    def window_fs(self) -> float:
        """Duration of a window, fs."""
        return self.duration_ps * PS / self.windows


@dataclass(frozen=True, kw_only=True)
class Studies(Settings):
    """All studies; each is optional."""

    learning: LearningStudy | None = None
    thermostat: ThermostatStudy | None = None
    same_start: SameStartStudy | None = None
    speed: SpeedStudy | None = None
    cooling: CoolingStudy | None = None
    timestep: TimestepStudy | None = None
