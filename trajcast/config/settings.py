"""Settings used in computations, as plain frozen dataclasses.

They carry the rules by which `trajcast.config.validation` checks files. Objects created in code are not validated, so
that training and rollouts do not depend on pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal


class Rule:
    """Bounds of a value, named as in pydantic's schemas: gt, ge, lt, le, min_length, max_length."""

    def __init__(self, **bounds: float):
        self.bounds = bounds

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {**handler(source), **self.bounds}


Positive = Annotated[float, Rule(gt=0)]
NonNegative = Annotated[float, Rule(ge=0)]
Fraction = Annotated[float, Rule(ge=0, le=1)]
Count = Annotated[int, Rule(gt=0)]
Seed = Annotated[int, Rule(ge=1, le=2**31 - 1)]
Cutoff = Annotated[float, Rule(gt=0, le=30)]  # larger neighbour lists of a liquid exhaust the memory
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
    """Base class of all settings; in files, unknown keys and wrong types are refused."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"strict": True, "extra": "forbid", "allow_inf_nan": False}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {
            **handler(source),
            "strict": False,
        }  # accept a dictionary for the object; its values are checked strictly


@dataclass(frozen=True, kw_only=True)
class SampleCounts(Settings):
    """Number of samples drawn from the trajectories of each split."""

    training: Count
    validation: Count
    test: Count


@dataclass(frozen=True, kw_only=True)
class DatasetSettings(Settings):
    """Data set at one horizon."""

    horizon_fs: Positive
    samples: SampleCounts
    steps: Literal[1, 2] = 1  # horizons spanned by a training sample; 2 for multistep training
    time_reversed: bool = False  # also use each training pair reversed in time, valid for NVE; paper: no
    accept: list[Check] = field(default_factory=list)  # data checks that may fail, see docs/formats.md
    seed: Seed


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(Settings):
    """Architecture of the network; the defaults are those of the paper, except for `cutoff_A`."""

    cutoff_A: Cutoff = 5.0  # of the neighbour list; paper: 4 (paracetamol), 4.5 (quartz), 6 (water)
    channels: Count = 64
    l_max: Annotated[int, Rule(ge=1)] = 2
    layers: Count = 4
    radial_basis: Count = 8
    polynomial_cutoff: Count = 6
    speed_basis: Count = 8
    speed_max_rms: Positive = 4.0  # upper end of the speed basis, in units of the RMS speed of the lightest element
    radial_mlp: list[Count] = field(default_factory=lambda: [64, 64, 64])
    speed_mlp: list[Count] = field(default_factory=lambda: [64, 64, 64])
    velocity_baseline: bool = False  # add the linear fit Δr ≈ a v, v' ≈ b v of each element; paper: no


@dataclass(frozen=True, kw_only=True)
class StreamSettings(Settings):
    """Training pairs from reference MD that runs in chunks during training, instead of a data set."""

    processes: Count = 1  # chunks that run in parallel, each on one core
    chunk_ps: Positive  # of NVE
    decorrelation_ps: Positive  # of NVT before the chunk, from the end of an earlier chunk with new velocities
    spacing_fs: Positive  # between the pairs of a chunk
    uses: Count = 1  # epochs in which a pair is used


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """Optimisation; the defaults are those of the paper, except for the optimizer (paper: adam, learning rate 0.01)."""

    network: NetworkSettings = field(default_factory=NetworkSettings)
    initial: str | None = None  # name or path of a model whose weights and scales are the start
    samples: Count  # number of samples used of the training split
    seed: Seed
    dtype: Literal["float32", "float64"] = "float64"
    tf32: bool = False  # TF32 (10-bit mantissa) for float32 matrix products on GPUs
    batch_size: Count = 2
    optimizer: str = "muon"  # a file of `trajcast/training/optimizers/`
    learning_rate: Positive = 0.01
    displacement_weight: Fraction = 0.5
    velocity_weight: Fraction = 0.5
    mass_weighted: bool = False  # weight squared errors by atomic mass, so that all elements count alike; paper: no
    warmup_updates: Annotated[int, Rule(ge=0)] = 0  # updates over which the learning rate rises linearly
    plateau_factor: Annotated[float, Rule(gt=0, lt=1)] = 0.8
    plateau_patience: Count = 20  # epochs
    stop_patience: Count = 100  # epochs
    max_epochs: Count = 1500
    budget_minutes: Positive | None = None  # ends the training regularly, keeping the best weights
    cooldown: Fraction = 0.0  # final fraction of the training, with learning rate falling linearly to zero
    ema_decay: Annotated[float, Rule(ge=0, lt=1)] = (
        0.0  # per update, of the running average of the weights; 0: no averaging
    )
    multistep_fraction: Fraction = 0.0  # final fraction of the training, with a second, predicted step in the loss
    stream: StreamSettings | None = None  # new pairs instead of the data set's samples, which only set the scales

    def __post_init__(self) -> None:
        if self.tf32 and self.dtype != "float32":
            raise ValueError(f"tf32 is true, but dtype is {self.dtype}; set dtype to float32 or leave tf32 out")


@dataclass(frozen=True, kw_only=True)
class GuardSettings(Settings):
    """Limits that end a rollout early."""

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
    """Rollout; `thermostat` is a plug-in of `trajcast/rollout/rules/thermostats/`, or null for NVE."""

    duration_ps: Positive
    equilibration_ps: NonNegative
    frame_every: Count = 1  # steps between kept frames
    temperature_K: Positive
    final_temperature_K: Positive | None = None  # end of a linear ramp from `temperature_K` over `duration_ps`
    thermostat: str | None = "csvr"
    tau_horizons: Positive = 10.0  # thermostat relaxation time in horizons
    supercell: Annotated[list[Count], Rule(min_length=3, max_length=3)] = field(default_factory=lambda: [1, 1, 1])
    remove_com_motion_every: Count = 100  # steps; thermostats amplify the rounding errors of the momenta
    seed: Seed
    replicas: Count = 1  # copies of the start rolled out together, each with its own velocities and noise
    guard: GuardSettings

    def __post_init__(self) -> None:
        if self.final_temperature_K is not None and self.thermostat is None:
            raise ValueError(
                f"final_temperature_K is {self.final_temperature_K:g}, but thermostat is null; "
                "name a thermostat or leave final_temperature_K out"
            )


def whole_multiple(value: float, unit: float, value_name: str, unit_name: str) -> int:
    """The integer value / unit.

    Raises:
        ValueError: `value` is not a whole multiple of `unit`.
    """
    ratio = value / unit
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6:
        raise ValueError(f"{value_name} {value:g} is not a multiple of {unit_name} {unit:g}; change one of the two")
    return round(ratio)


def distinct(name: str, values: Sequence[Any]) -> None:
    """Check that the values of a list differ; real numbers are compared with six digits, as written in paths.

    Raises:
        ValueError: A value is duplicated.
    """
    in_paths = [f"{value:g}" if isinstance(value, float) else value for value in values]
    for value in in_paths:
        if in_paths.count(value) > 1:
            raise ValueError(f"{name} {list(values)} contains {value} twice; remove one")
