"""Sections of the configuration, one per stage; unknown keys and wrong types are refused.

`config.yaml` holds one block per system under `systems:`, with one section per stage. The workflow writes each section
beside the results of its stage; commands read these files with `read_settings`. The sections used in computations are
plain dataclasses in `trajcast.config.settings`.
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

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]  # used in paths and commands
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]  # may also contain a point, as in 0.5fs
Atom = Annotated[int, Field(ge=0)]  # counted from 0, in the order of the trajectory
TRAINED = "trained"  # model of a run: the one that the workflow trains at its horizon
Dihedral = Annotated[list[Atom], Field(min_length=4, max_length=4)]


class Section(BaseModel):
    """A frozen group of settings; unknown keys and wrong types are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class ConstantPressureSettings(Section):
    """NpT run of a periodic system before the NVT run, with Berendsen thermostat and barostat (doi:10.1063/1.448118).

    The mean cell of its second half is used in all later runs. Equal cell lengths remain equal; angles are fixed.
    """

    duration_ps: Positive
    pressure_bar: float
    damping_fs: Positive  # relaxation time of temperature and pressure
    bulk_modulus_GPa: Positive  # approximate, of the material; relates `damping_fs` to the pressure


class EquilibrationSettings(Section):
    """Nosé–Hoover NVT run that prepares the starts, after minimisation or, if given, after `npt`."""

    duration_ps: Positive
    damping_fs: Positive
    chain_length: Count = 3  # length of the Nosé–Hoover chain
    npt: ConstantPressureSettings | None = None


class NveSettings(Section):
    """NVE runs from which the data sets are drawn.

    They start from states of the equilibration whose temperature is within `start_window_K` of the target, or whose
    total energy is within `start_window_percent` of its mean.
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
                "give exactly one of start_window_K (of the temperature) and start_window_percent (of the energy)"
            )
        return self


class NvtSettings(Section):
    """NVT run (CSVR thermostat) that rollouts are compared with."""

    duration_ps: Positive
    interval_fs: Positive
    tau_fs: Positive
    second_run_ps: Positive | None = None  # length of a second run, assessed like a rollout; null: none


class ReferenceSettings(Section):
    """Reference MD. `parameters` are defined and validated by `trajcast/reference/systems/<system>.py`."""

    system: str
    engine: str
    parameters: dict[str, Any] = {}
    potential: str | None = None  # see trajcast/reference/potentials/; null: the system's force field
    device: Literal["auto", "cpu", "cuda"] = "auto"  # of `potential`
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
    """Observables, measured on MD and rollouts alike."""

    rdf_bins: Count = 150
    structure_interval_fs: Positive = 50.0  # minimum spacing of frames for RDF and potential energy
    vdos_window_ps: Positive = 2.0
    msd_fit_from_ps: Positive | None = None  # with the next: null for systems without diffusion
    msd_fit_to_ps: Positive | None = None
    blocks: Annotated[int, Field(ge=2)] = 16  # for standard errors by block averaging
    dihedrals: dict[str, Dihedral] = {}  # none, or two by axis name: their free-energy surface
    dihedral_bins: Count = 36

    @model_validator(mode="after")
    def _dihedrals(self) -> ObservableSettings:
        if len(self.dihedrals) not in (0, 2):
            raise ValueError(f"dihedrals names {len(self.dihedrals)}; name two, or leave dihedrals out")
        if self.dihedral_bins % 2:
            raise ValueError(
                f"dihedral_bins {self.dihedral_bins} is odd; make it even, so that one bin is centred on 0°"
            )
        return self

    @model_validator(mode="after")
    def _ordered(self) -> ObservableSettings:
        start, end = self.msd_fit_from_ps, self.msd_fit_to_ps
        if (start is None) != (end is None):
            raise ValueError("give both msd_fit_from_ps and msd_fit_to_ps, or neither for systems without diffusion")
        if start is not None and end is not None and start >= end:
            raise ValueError(f"msd_fit_from_ps {start:g} is not below msd_fit_to_ps {end:g}; change one of the two")
        return self


class RunSettings(Section):
    """One rollout of the report: its model and its changes to the system's `rollout` section."""

    model: str = TRAINED  # `trained`, the name of a shipped model, or the path of a .safetensors file
    horizon_fs: Positive | None = None  # may be left out for a shipped model
    rollout: dict[str, Any] = {}


class SystemSettings(Section):
    """All sections of one system."""

    horizons_fs: list[Positive] = []  # horizons at which models are trained and tested
    runs: dict[RunName, RunSettings | None] = {}  # null removes a run
    shipped_reference: bool = True  # if available, compare with the shipped long reference MD of these settings
    reference: ReferenceSettings
    dataset: dict[str, Any]
    training: TrainingSettings
    rollout: RolloutSettings
    observables: ObservableSettings
    studies: Studies = Studies()

    @property
    def rollouts(self) -> dict[str, RunSettings]:
        """The rollouts by name; without `runs`, one of the trained model at each horizon."""
        kept = {name: run for name, run in self.runs.items() if run is not None}
        return kept or {f"{horizon:g}fs": RunSettings(horizon_fs=horizon) for horizon in self.horizons_fs}

    def horizon_of(self, run: str) -> float:
        """Horizon of one rollout, fs.

        Raises:
            ValueError: The run has no `horizon_fs` and its model is not a shipped one.
        """
        settings = self.rollouts[run]
        if settings.horizon_fs is not None:
            return settings.horizon_fs
        if settings.model not in shipped.names():
            raise ValueError(f"runs.{run}.horizon_fs: missing; add it, as {settings.model!r} is not a shipped model")
        return float(shipped.record(settings.model)["horizon_fs"])

    def rollout_of(self, run: str) -> RolloutSettings:
        """Settings of one rollout: the section `rollout` with the changes of the run."""
        values = section_values(self.rollout)
        for key, value in self.rollouts[run].rollout.items():
            base = values.get(key)
            values[key] = {**base, **value} if isinstance(base, dict) and isinstance(value, dict) else value
        return validate(RolloutSettings, values, f"runs.{run}.rollout")

    @property
    def all_horizons_fs(self) -> list[float]:
        """Horizons of training and rollouts, sorted."""
        return sorted({*self.horizons_fs, *(self.horizon_of(run) for run in self.rollouts)})

    def dataset_at(self, horizon_fs: float) -> DatasetSettings:
        """Data-set settings at one horizon."""
        return validate(DatasetSettings, {**self.dataset, "horizon_fs": horizon_fs}, "dataset")
