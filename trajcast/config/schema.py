"""The configuration: one frozen, strict section per stage; every mistake is named with its key, value and rule.

`config.yaml` holds one block per system under `systems:`, with one section per stage. The workflow writes each stage's
section beside that stage's results; the commands read those files with `read_settings`. The sections that the core
computes with are plain dataclasses in `trajcast.config.settings`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trajcast import shipped
from trajcast.config.potential_names import named
from trajcast.config.settings import (
    Count,
    DatasetSettings,
    Positive,
    RolloutSettings,
    Seed,
    TrainingSettings,
    whole_multiple,
)
from trajcast.config.studies import Studies
from trajcast.config.validation import section_values, validate

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]  # goes into paths and commands
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]  # the same, with 0.5fs
Atom = Annotated[int, Field(ge=0)]  # counted from 0, in the order of the trajectory
TRAINED = "trained"  # as a run's model: the one that the workflow trains at the run's horizon
Dihedral = Annotated[list[Atom], Field(min_length=4, max_length=4)]


class Section(BaseModel):
    """A frozen group of settings; unknown keys and wrong types are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class ConstantPressureSettings(Section):
    """NpT run of a periodic system before its NVT run: Berendsen's thermostat and barostat (doi:10.1063/1.448118).

    The mean cell of its second half is that of all later runs. Lengths of the cell that are equal stay equal; its
    angles stay as they are.
    """

    duration_ps: Positive
    pressure_bar: float
    damping_fs: Positive  # relaxation time of temperature and pressure
    bulk_modulus_GPa: Positive  # of the material, about: with it `damping_fs` is the time that the pressure takes


class EquilibrationSettings(Section):
    """NVT run that prepares the starts: Nosé–Hoover after minimisation, or after `npt` where that is given."""

    duration_ps: Positive
    damping_fs: Positive
    chain_length: Count = 3  # thermostats in the Nosé–Hoover chain
    npt: ConstantPressureSettings | None = None


class NveSettings(Section):
    """The constant-energy runs that the data sets are cut from, and which states of the equilibration they start from.

    Those with a temperature within `start_window_K` of the target, or with a total energy within
    `start_window_percent` of its mean.
    """

    runs: Annotated[int, Field(ge=5)]  # three for training, one each for validation and test
    duration_ps: Positive
    interval_fs: Positive
    start_window_K: Positive | None = None
    start_window_percent: Positive | None = None
    start_spacing_ps: Positive

    @model_validator(mode="after")
    def _one_window(self) -> NveSettings:
        if (self.start_window_K is None) == (self.start_window_percent is None):
            raise ValueError(
                "give either start_window_K (of the temperature) or start_window_percent (of the energy), not "
                "both, not none"
            )
        return self


class NvtSettings(Section):
    """The thermostatted run that rollouts are compared with (CSVR)."""

    duration_ps: Positive
    interval_fs: Positive
    tau_fs: Positive
    second_run_ps: Positive | None = None  # length of a second run, judged as if it were a rollout; null: none


class ReferenceSettings(Section):
    """Reference MD. `parameters` are those of `trajcast/reference/systems/<system>.py`, which validates them."""

    system: str
    engine: str
    parameters: dict[str, Any] = {}
    potential: str | None = None  # a name of trajcast/reference/potentials/, in place of the system's own force field
    device: Literal["auto", "cpu", "cuda"] = "auto"  # of that potential
    temperature_K: Positive
    timestep_fs: Positive
    seed: Seed
    equilibration: EquilibrationSettings
    nve: NveSettings
    nvt: NvtSettings
    max_drift_meV_per_atom_per_ps: Positive = 0.05
    accept: list[Literal["masses"]] = []  # checks of the structure that may fail, see docs/formats.md

    @model_validator(mode="after")
    def _known_potential(self) -> ReferenceSettings:
        if self.potential is not None:
            named(self.potential)
        return self

    @model_validator(mode="after")
    def _intervals(self) -> ReferenceSettings:
        for name, interval in (("nve.interval_fs", self.nve.interval_fs), ("nvt.interval_fs", self.nvt.interval_fs)):
            whole_multiple(interval, self.timestep_fs, name, "timestep_fs")
        return self


class ObservableSettings(Section):
    """What is measured, on MD and rollouts alike."""

    rdf_bins: Count = 150
    structure_interval_fs: Positive = 50.0  # at least this between frames for RDF and potential energy
    vdos_window_ps: Positive = 2.0
    msd_fit_from_ps: Positive | None = None  # left out, like the next, where nothing diffuses: in crystals, molecules
    msd_fit_to_ps: Positive | None = None
    blocks: Annotated[int, Field(ge=2)] = 16  # from whose spread the standard errors come
    dihedrals: dict[str, Dihedral] = {}  # two of them, by a name for the axes: their free-energy surface
    dihedral_bins: Count = 36

    @model_validator(mode="after")
    def _dihedrals(self) -> ObservableSettings:
        if len(self.dihedrals) not in (0, 2):
            raise ValueError(f"dihedrals names {len(self.dihedrals)}; name two, or leave dihedrals out")
        if self.dihedral_bins % 2:
            raise ValueError(f"dihedral_bins {self.dihedral_bins} is odd; make it even: one bin is centred on 0°")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> ObservableSettings:
        start, end = self.msd_fit_from_ps, self.msd_fit_to_ps
        if (start is None) != (end is None):
            raise ValueError("give both msd_fit_from_ps and msd_fit_to_ps, or neither where nothing diffuses")
        if start is not None and end is not None and start >= end:
            raise ValueError(f"msd_fit_from_ps {start:g} is not below msd_fit_to_ps {end:g}; change one of the two")
        return self


class RunSettings(Section):
    """One rollout that is judged: its model and what it changes in the system's `rollout` section."""

    model: str = TRAINED  # that, the name of a shipped model, or the path of a .safetensors file
    horizon_fs: Positive | None = None  # may be left out for a shipped model
    rollout: dict[str, Any] = {}


class SystemSettings(Section):
    """Everything about one system, stage by stage."""

    horizons_fs: list[Positive] = []  # at which models are trained and tested
    runs: dict[RunName, RunSettings | None] = {}  # null takes a run of the configuration below away
    shipped_reference: bool = True  # where long reference MD of these settings is shipped, judge by that
    reference: ReferenceSettings
    dataset: dict[str, Any]
    training: TrainingSettings
    rollout: RolloutSettings
    observables: ObservableSettings
    studies: Studies = Studies()

    @property
    def rollouts(self) -> dict[str, RunSettings]:
        """The rollouts by their names; without `runs` one of the model trained at each horizon."""
        kept = {name: run for name, run in self.runs.items() if run is not None}
        return kept or {f"{horizon:g}fs": RunSettings(horizon_fs=horizon) for horizon in self.horizons_fs}

    def horizon_of(self, run: str) -> float:
        """The horizon of one rollout, fs; ValueError where neither it nor a shipped model says it."""
        chosen = self.rollouts[run]
        if chosen.horizon_fs is not None:
            return chosen.horizon_fs
        if chosen.model not in shipped.names():
            raise ValueError(f"runs.{run}.horizon_fs: missing; add it, as {chosen.model!r} is no shipped model")
        return float(shipped.record(chosen.model)["horizon_fs"])

    def rollout_of(self, run: str) -> RolloutSettings:
        """The settings of one rollout: the section `rollout` with the run's own changes."""
        values = section_values(self.rollout)
        for key, value in self.rollouts[run].rollout.items():
            below = values.get(key)
            values[key] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
        return validate(RolloutSettings, values, f"runs.{run}.rollout")

    @property
    def all_horizons_fs(self) -> list[float]:
        """Those of training and those of the rollouts, in order."""
        return sorted({*self.horizons_fs, *(self.horizon_of(run) for run in self.rollouts)})

    def dataset_at(self, horizon_fs: float) -> DatasetSettings:
        """The data-set section for one horizon."""
        return validate(DatasetSettings, {**self.dataset, "horizon_fs": horizon_fs}, "dataset")
