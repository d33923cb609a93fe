"""The configuration: one frozen, strict section per stage; every mistake is named with its key, value and rule.

`config.yaml` holds one block per system under `systems:`, with one section per stage. The workflow writes each stage's
section beside that stage's results; the commands read those files with `read_settings`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trajcast.errors import UserError

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]  # goes into paths and commands
Seed = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Section(BaseModel):
    """A frozen group of settings; unknown keys and wrong types are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Equilibration(Section):
    """NVT run that prepares the starts: Nosé–Hoover after minimisation."""

    duration_ps: Positive
    damping_fs: Positive


class NveRuns(Section):
    """The constant-energy runs that the data sets are cut from."""

    runs: Annotated[int, Field(ge=5)]  # three for training, one each for validation and test
    duration_ps: Positive
    interval_fs: Positive
    start_window_K: Positive
    start_spacing_ps: Positive


class NvtRun(Section):
    """The thermostatted run that roll-outs are compared with (CSVR)."""

    duration_ps: Positive
    interval_fs: Positive
    tau_fs: Positive


class Reference(Section):
    """Reference MD. `parameters` are those of `trajcast/systems/<system>.py`, which validates them."""

    system: str
    engine: str
    parameters: dict[str, Any] = {}
    temperature_K: Positive
    timestep_fs: Positive
    seed: Seed
    equilibration: Equilibration
    nve: NveRuns
    nvt: NvtRun
    max_drift_meV_per_atom_per_ps: Positive = 0.05

    @model_validator(mode="after")
    def _intervals(self) -> Reference:
        for name, interval in (("nve.interval_fs", self.nve.interval_fs), ("nvt.interval_fs", self.nvt.interval_fs)):
            whole_multiple(interval, self.timestep_fs, name, "timestep_fs")
        return self


class Samples(Section):
    """Number of pairs drawn from the trajectories of each split."""

    training: Count
    validation: Count
    test: Count


class Dataset(Section):
    """Pairs at one horizon."""

    horizon_fs: Positive
    cutoff_A: Positive
    samples: Samples
    seed: Seed


class Network(Section):
    """Size of the network; the defaults are the paper's."""

    channels: Count = 64
    l_max: Annotated[int, Field(ge=1)] = 2
    layers: Count = 4
    radial_basis: Count = 8
    polynomial_cutoff: Count = 6
    speed_basis: Count = 8
    speed_max_rms: Positive = 4.0  # upper end of the speed basis, in RMS speeds of the lightest element
    radial_mlp: list[Count] = [64, 64, 64]
    speed_mlp: list[Count] = [64, 64, 64]
    velocity_baseline: bool = False  # add each element's linear fit Δr ≈ a v, v' ≈ b v; the paper has none


class Training(Section):
    """Optimisation; the defaults are the paper's."""

    network: Network = Network()
    samples: Count  # pairs of the training split that are used
    seed: Seed
    dtype: Literal["float32", "float64"] = "float64"
    batch_size: Count = 2
    learning_rate: Positive = 0.01
    displacement_weight: Fraction = 0.5
    velocity_weight: Fraction = 0.5
    mass_weighted: bool = False  # weigh squared errors with the atom's mass: all elements count alike; the paper: no
    warmup_updates: Annotated[int, Field(ge=0)] = 0  # first updates, over which the learning rate rises linearly
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.8
    plateau_patience: Count = 20  # epochs
    stop_patience: Count = 100  # epochs
    max_epochs: Count = 1500
    budget_minutes: Positive | None = None  # ends the run cleanly, best weights kept
    cooldown: Fraction = 0.0  # last part of the run over which the learning rate falls linearly to zero
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0  # per update, of the averaged weights that are kept; 0: none


class Guard(Section):
    """What ends a roll-out early."""

    min_temperature_K: NonNegative
    max_temperature_K: Positive
    min_distance_A: NonNegative

    @model_validator(mode="after")
    def _ordered(self) -> Guard:
        if self.min_temperature_K >= self.max_temperature_K:
            raise ValueError(
                f"min_temperature_K {self.min_temperature_K:g} is not below max_temperature_K "
                f"{self.max_temperature_K:g}; change one of the two"
            )
        return self


class Forecast(Section):
    """Roll-out. `thermostat` is a file of `trajcast/thermostats/`, or null for NVE."""

    duration_ps: Positive
    equilibration_ps: NonNegative
    frame_every: Count = 1  # steps between kept frames
    temperature_K: Positive
    thermostat: str | None = "csvr"
    tau_horizons: Positive = 10.0  # thermostat relaxation time in horizons
    supercell: Annotated[list[Count], Field(min_length=3, max_length=3)] = [1, 1, 1]
    zero_angular_momentum_every: Count = 100  # steps; isolated systems only
    seed: Seed
    guard: Guard


class Observables(Section):
    """What is measured, on MD and roll-outs alike."""

    rdf_bins: Count = 150
    structure_interval_fs: Positive = 50.0  # at least this between frames for RDF and potential energy
    vdos_window_ps: Positive = 2.0
    msd_fit_from_ps: Positive = 1.0
    msd_fit_to_ps: Positive = 10.0
    blocks: Annotated[int, Field(ge=2)] = 4

    @model_validator(mode="after")
    def _ordered(self) -> Observables:
        if self.msd_fit_from_ps >= self.msd_fit_to_ps:
            raise ValueError(
                f"msd_fit_from_ps {self.msd_fit_from_ps:g} is not below msd_fit_to_ps {self.msd_fit_to_ps:g}; "
                "change one of the two"
            )
        return self


class System(Section):
    """Everything about one system, stage by stage."""

    horizons_fs: Annotated[list[Positive], Field(min_length=1)]
    reference: Reference
    dataset: dict[str, Any]
    training: Training
    forecast: Forecast
    observables: Observables

    @model_validator(mode="after")
    def _consistent(self) -> System:
        if len(set(self.horizons_fs)) != len(self.horizons_fs):
            raise ValueError(f"horizons_fs {self.horizons_fs} names a horizon twice; remove the repetition")
        if "horizon_fs" in self.dataset:
            raise ValueError("dataset.horizon_fs does not belong here: every horizon of horizons_fs gets a data set")
        for horizon in self.horizons_fs:
            data = self.dataset_at(horizon)
            whole_multiple(horizon, self.reference.nve.interval_fs, "horizons_fs", "reference.nve.interval_fs")
            frame = horizon * self.forecast.frame_every
            whole_multiple(frame, self.reference.nvt.interval_fs, "roll-out frames", "reference.nvt.interval_fs")
            if self.training.samples > data.samples.training:
                raise ValueError(
                    f"training.samples {self.training.samples} is more than dataset.samples.training "
                    f"{data.samples.training}; lower the one or raise the other"
                )
        return self

    def dataset_at(self, horizon_fs: float) -> Dataset:
        """The data-set section for one horizon."""
        return validate(Dataset, {**self.dataset, "horizon_fs": horizon_fs}, "dataset")


class Config(Section):
    """The whole of `config.yaml`."""

    systems: Annotated[dict[Name, System], Field(min_length=1)]


def whole_multiple(value: float, unit: float, value_name: str, unit_name: str) -> int:
    """value / unit as a whole number; ValueError (not a truncated number) where it is none."""
    ratio = value / unit
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6:
        raise ValueError(f"{value_name} {value:g} is not a multiple of {unit_name} {unit:g}; change one of the two")
    return round(ratio)


SectionType = TypeVar("SectionType", bound=Section)


def validate(section: type[SectionType], values: Any, where: str) -> SectionType:
    """`values` as a section; UserError that names every wrong key, its value, and the rule."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors()]
        raise UserError(f"{where}: " + "; ".join(lines)) from None


def _explain(problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "(whole section)"
    value, kind = problem["input"], problem["type"]
    if kind == "extra_forbidden":
        return f"{key}: unknown key (value {value!r}); check its spelling or remove it"
    if kind == "missing":
        return f"{key}: missing; add it"
    if kind == "value_error":
        return f"{key}: {problem['ctx']['error']}"
    hint = ""
    if isinstance(value, str) and kind in ("float_type", "int_type"):
        hint = "; YAML reads this as text"
        if "e" in value.lower():
            hint += ", write an exponent with point and sign, as in 1.0e-3"
    return f"{key}: {value!r} is wrong: {problem['msg'].lower()}{hint}"


def read_yaml(path: Path | str) -> Any:
    """The content of a YAML file (safe load); UserError when missing or malformed."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}".replace("\n", " ")) from None


def read_settings(section: type[SectionType], path: Path | str) -> SectionType:
    """One stage's settings from its YAML file."""
    return validate(section, read_yaml(path), str(path))


def read_config(values: Any, where: str = "config.yaml") -> Config:
    """The whole configuration from what Snakemake loaded."""
    return validate(Config, values, where)


def section_json(section: Section) -> str:
    """A section as JSON with sorted keys: the same text whatever the order of keys in the file."""
    return json.dumps(section.model_dump(mode="json"), sort_keys=True)
