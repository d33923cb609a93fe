"""The settings that the core computes with, as plain frozen dataclasses.

They carry the rules that `trajcast.config.validation` checks files against. Made in code they are taken as they are,
so that training and rollouts do without the library that checks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal


class Rule:
    """What a value must keep to, in the words of pydantic's schemas: gt, ge, lt, le, min_length, max_length."""

    def __init__(self, **bounds: float):
        self.bounds = bounds

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {**handler(source), **self.bounds}


Positive = Annotated[float, Rule(gt=0)]
NonNegative = Annotated[float, Rule(ge=0)]
Fraction = Annotated[float, Rule(ge=0, le=1)]
Count = Annotated[int, Rule(gt=0)]
Seed = Annotated[int, Rule(ge=1, le=2**31 - 1)]
Cutoff = Annotated[float, Rule(gt=0, le=30)]  # beyond it the neighbours of a liquid fill the memory
Check = Literal[
    "motion",
    "lag",
    "masses",
    "repeats",
    "momentum",
    "center",
    "rigid",
    "energy",
    "distance",
    "temperature",
]


class Settings:
    """Base of all settings: read from a file, unknown keys and wrong types are refused."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"strict": True, "extra": "forbid", "allow_inf_nan": False}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {**handler(source), "strict": False}  # a dictionary will do for the whole; its values stay strict


@dataclass(frozen=True, kw_only=True)
class SampleCounts(Settings):
    """Number of pairs drawn from the trajectories of each split."""

    training: Count
    validation: Count
    test: Count


@dataclass(frozen=True, kw_only=True)
class DatasetSettings(Settings):
    """Pairs at one horizon."""

    horizon_fs: Positive
    samples: SampleCounts
    steps: Literal[1, 2] = 1  # horizons that a training sample spans; two where training takes own steps
    time_reversed: bool = False  # use each training pair backwards as well, which NVE allows; the paper does not
    accept: list[Check] = field(default_factory=list)  # checks of the data that may fail, see docs/formats.md
    seed: Seed


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(Settings):
    """Size of the network; the defaults are the paper's."""

    cutoff_A: Cutoff = 5.0  # within which atoms are neighbours; the paper: 4 (molecule), 4.5 (crystal), 6 (liquid)
    channels: Count = 64
    l_max: Annotated[int, Rule(ge=1)] = 2
    layers: Count = 4
    radial_basis: Count = 8
    polynomial_cutoff: Count = 6
    speed_basis: Count = 8
    speed_max_rms: Positive = 4.0  # upper end of the speed basis, in RMS speeds of the lightest element
    radial_mlp: list[Count] = field(default_factory=lambda: [64, 64, 64])
    speed_mlp: list[Count] = field(default_factory=lambda: [64, 64, 64])
    velocity_baseline: bool = False  # add each element's linear fit Δr ≈ a v, v' ≈ b v; the paper has none


@dataclass(frozen=True, kw_only=True)
class StreamSettings(Settings):
    """Training pairs from reference MD that runs beside the training, in chunks, in place of those of a data set."""

    processes: Count = 1  # chunks that run at once, each on one core
    chunk_ps: Positive  # of NVE
    decorrelation_ps: Positive  # of NVT before it, from the end of an earlier chunk with new velocities
    spacing_fs: Positive  # between the pairs of a chunk
    uses: Count = 1  # epochs that a pair is used in


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """Optimisation; the defaults are the paper's, but for the optimizer (the paper's: adam, rate 0.01)."""

    network: NetworkSettings = field(default_factory=NetworkSettings)
    initial: str | None = None  # name of a shipped model, or path of one, to go on from: its weights and its scales
    samples: Count  # pairs of the training split that are used
    seed: Seed
    dtype: Literal["float32", "float64"] = "float64"
    tf32: bool = False  # float32 matrix products of GPUs with 10 bits of mantissa (TF32), where that is faster
    batch_size: Count = 2
    optimizer: str = "muon"  # a file of `trajcast/training/optimizers/`
    learning_rate: Positive = 0.01
    displacement_weight: Fraction = 0.5
    velocity_weight: Fraction = 0.5
    mass_weighted: bool = False  # weigh squared errors with the atom's mass: all elements count alike; the paper: no
    warmup_updates: Annotated[int, Rule(ge=0)] = 0  # first updates, over which the learning rate rises linearly
    plateau_factor: Annotated[float, Rule(gt=0, lt=1)] = 0.8
    plateau_patience: Count = 20  # epochs
    stop_patience: Count = 100  # epochs
    max_epochs: Count = 1500
    budget_minutes: Positive | None = None  # ends the run cleanly, best weights kept
    cooldown: Fraction = 0.0  # last part of the run over which the learning rate falls linearly to zero
    ema_decay: Annotated[float, Rule(ge=0, lt=1)] = 0.0  # per update, of the averaged weights that are kept; 0: none
    multistep_fraction: Fraction = 0.0  # last part of the run whose loss includes a second step from the predicted one
    stream: StreamSettings | None = (
        None  # fresh pairs instead of the `samples` of the data set, of which scales are taken
    )

    def __post_init__(self) -> None:
        if self.tf32 and self.dtype != "float32":
            raise ValueError(f"tf32 is true, but dtype is {self.dtype}; set dtype to float32 or leave tf32 out")


@dataclass(frozen=True, kw_only=True)
class GuardSettings(Settings):
    """What ends a rollout early."""

    min_temperature_K: NonNegative
    max_temperature_K: Positive
    min_distance_A: NonNegative

    def __post_init__(self) -> None:
        if self.min_temperature_K >= self.max_temperature_K:
            raise ValueError(
                f"min_temperature_K {self.min_temperature_K:g} is not below max_temperature_K "
                f"{self.max_temperature_K:g}; change one of the two"
            )


@dataclass(frozen=True, kw_only=True)
class RolloutSettings(Settings):
    """Rollout. `thermostat` is a file of `trajcast/rollout/rules/thermostats/`, or null for NVE."""

    duration_ps: Positive
    equilibration_ps: NonNegative
    frame_every: Count = 1  # steps between kept frames
    temperature_K: Positive
    final_temperature_K: Positive | None = None  # of a ramp from `temperature_K` over `duration_ps`
    thermostat: str | None = "csvr"
    tau_horizons: Positive = 10.0  # thermostat relaxation time in horizons
    supercell: Annotated[list[Count], Rule(min_length=3, max_length=3)] = field(default_factory=lambda: [1, 1, 1])
    remove_com_motion_every: Count = 100  # steps; thermostats scale up what rounding leaves of the momenta
    seed: Seed
    replicas: Count = 1  # copies of the start with velocities and noise of their own, side by side
    guard: GuardSettings

    def __post_init__(self) -> None:
        if self.final_temperature_K is not None and self.thermostat is None:
            raise ValueError(
                f"final_temperature_K is {self.final_temperature_K:g}, but thermostat is null; "
                "name a thermostat or leave final_temperature_K out"
            )


def whole_multiple(value: float, unit: float, value_name: str, unit_name: str) -> int:
    """value / unit as a whole number; ValueError (not a truncated number) where it is none."""
    ratio = value / unit
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6:
        raise ValueError(f"{value_name} {value:g} is not a multiple of {unit_name} {unit:g}; change one of the two")
    return round(ratio)


def distinct(name: str, values: Sequence[Any]) -> None:
    """ValueError where a list names something twice; real numbers count in six digits, as they stand in paths."""
    in_paths = [f"{value:g}" if isinstance(value, float) else value for value in values]
    for value in in_paths:
        if in_paths.count(value) > 1:
            raise ValueError(f"{name} {list(values)} names {value} twice; remove the repetition")
