"""What may be asked of a system beyond its report, under `studies`: the figures and tables of arXiv:2503.23794."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from trajcast.config.settings import Count, Positive, Rule, Seed, Settings, distinct, whole_multiple

Some = Rule(min_length=1)
PS = 1000.0  # in fs, as trajcast.core.units has it, which would load SciPy


@dataclass(frozen=True, kw_only=True)
class LearningStudy(Settings):
    """Test errors of models trained on part of the data, each from several seeds."""

    samples: Annotated[list[Count], Some]
    seeds: Annotated[list[Seed], Some]
    horizons_fs: Annotated[list[Positive], Some]

    def __post_init__(self) -> None:
        distinct("samples", self.samples)
        distinct("seeds", self.seeds)
        distinct("horizons_fs", self.horizons_fs)


@dataclass(frozen=True, kw_only=True)
class ThermostatStudy(Settings):
    """Mean and width of the temperature of rollouts of `steps` steps against the thermostat's relaxation time."""

    tau_horizons: Annotated[list[Positive], Some]
    seeds: Annotated[list[Seed], Some]
    steps: Count  # after an equilibration of a tenth of it
    horizons_fs: Annotated[list[Positive], Some] | None = None  # all of the system's without it

    def __post_init__(self) -> None:
        distinct("tau_horizons", self.tau_horizons)
        distinct("seeds", self.seeds)
        distinct("horizons_fs", self.horizons_fs or [])


@dataclass(frozen=True, kw_only=True)
class SameStartStudy(Settings):
    """Rollouts and reference MD from the same state, both at constant energy."""

    horizons_fs: Annotated[list[Positive], Some]
    duration_fs: Positive = 500.0

    def __post_init__(self) -> None:
        distinct("horizons_fs", self.horizons_fs)


@dataclass(frozen=True, kw_only=True)
class SpeedStudy(Settings):
    """Time of `steps` steps without output, for supercells of the system."""

    supercells: Annotated[list[Annotated[list[Count], Rule(min_length=3, max_length=3)]], Some]
    steps: Count = 1000

    def __post_init__(self) -> None:
        distinct("supercells", self.supercells)


@dataclass(frozen=True, kw_only=True)
class TimestepStudy(Settings):
    """The largest of these time steps of reference MD, at constant energy, whose energy drifts no more than allowed."""

    timesteps_fs: Annotated[list[Positive], Some]
    duration_ps: Positive = 1.0

    def __post_init__(self) -> None:
        distinct("timesteps_fs", self.timesteps_fs)


@dataclass(frozen=True, kw_only=True)
class RampSettings(Settings):
    """From the reference's temperature to another, linear in time."""

    final_temperature_K: Positive
    duration_ps: Positive
    interval_fs: Positive  # between frames


@dataclass(frozen=True, kw_only=True)
class CoolingStudy(RampSettings):
    """Reference MD and rollouts along a ramp that leaves the training data.

    Each seed is a run of both, from a start of its own; the spread of the runs gives the errors.
    """

    windows: Count  # parts of equal length, in each of which all is measured
    seeds: Annotated[list[Seed], Rule(min_length=2)]
    horizons_fs: Annotated[list[Positive], Some] | None = None  # all that are rolled out without it

    def __post_init__(self) -> None:
        distinct("seeds", self.seeds)
        distinct("horizons_fs", self.horizons_fs or [])
        whole_multiple(self.window_fs, self.interval_fs, "the window duration_ps / windows, in fs,", "interval_fs")

    @property
    def window_fs(self) -> float:
        """Length of a window, fs."""
        return self.duration_ps * PS / self.windows


@dataclass(frozen=True, kw_only=True)
class Studies(Settings):
    """Every study is left out unless it is asked for."""

    learning: LearningStudy | None = None
    thermostat: ThermostatStudy | None = None
    same_start: SameStartStudy | None = None
    speed: SpeedStudy | None = None
    cooling: CoolingStudy | None = None
    timestep: TimestepStudy | None = None
