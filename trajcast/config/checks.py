"""Consistency checks between the sections of one system."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from trajcast import shipped
from trajcast.config.initial_model import misfit
from trajcast.config.schema import TRAINED, SystemSettings
from trajcast.config.settings import distinct, whole_multiple
from trajcast.config.studies import PS
from trajcast.core.errors import UserError
from trajcast.core.plugins import check_name

if TYPE_CHECKING:
    from trajcast.core.system_spec import SystemSpec

FOLDER = re.compile(r"(?!n\d+-s\d+$)[A-Za-z0-9_][A-Za-z0-9_.-]*")  # name of a finished model's folder


def check(system: SystemSettings | None) -> SystemSettings | None:
    """Check that a system's sections agree.

    Raises:
        ValueError: Keys contradict each other; the message names them and the remedy.
    """
    if system is None:
        return None
    _names(system)
    _models(system)
    _initial(system)
    _multistep(system)
    _horizons(system)
    for name in system.rollouts:
        _rollout(system, name)
    _studies(system)
    _same_start(system)
    _cooling(system)
    return system


def check_structure(system: SystemSettings, spec: SystemSpec, where: str) -> None:
    """Check that the settings fit the structure; `where` begins the messages.

    Raises:
        UserError: A model lacks an element, an atom index is too large, or a repeated direction is not periodic.
    """
    last = spec.n_atoms - 1
    for name, run in system.rollouts.items():
        if run.model in shipped.names():
            known = shipped.record(run.model)["species"]
            if unknown := sorted(set(spec.numbers.tolist()) - set(known)):
                raise UserError(
                    f"{where}.runs.{name}.model: {run.model} was trained on the elements {_symbols(known)}, "
                    f"but this system also has {_symbols(unknown)}; choose a model trained on all of them"
                )
    for name, atoms in system.observables.dihedrals.items():
        if max(atoms) > last:
            raise UserError(
                f"{where}.observables.dihedrals.{name}: {atoms} has an atom index above {last}, the last; correct it"
            )
    cells = {f"runs.{run}.rollout.supercell": [system.rollout_of(run).supercell] for run in system.rollouts}
    if speed := system.studies.speed:
        cells["studies.speed.supercells"] = speed.supercells
    for key, supercells in cells.items():
        for cell in supercells:
            if any(n > 1 and not pbc for n, pbc in zip(cell, spec.pbc, strict=True)):
                raise UserError(f"{where}.{key}: {cell} repeats a direction that is not periodic; use 1 there")


def _symbols(numbers: list[int]) -> str:
    from ase.data import chemical_symbols

    return ", ".join(chemical_symbols[number] for number in numbers)


def _names(system: SystemSettings) -> None:
    check_name("reference.systems", system.reference.system, "reference.system")
    check_name("reference.engines", system.reference.engine, "reference.engine")
    check_name("training.optimizers", system.training.optimizer, "training.optimizer")
    thermostats = {"rollout": system.rollout.thermostat}
    thermostats |= {f"runs.{run}.rollout": system.rollout_of(run).thermostat for run in system.rollouts}
    for where, thermostat in thermostats.items():
        if thermostat is not None:
            check_name("rollout.rules.thermostats", thermostat, f"{where}.thermostat")


def _models(system: SystemSettings) -> None:
    """Check that every model exists and has a folder name of its own."""
    if not system.rollouts:
        raise ValueError("neither horizons_fs nor runs names a horizon; give one of the two")
    folders: dict[tuple[str, float], str] = {}
    for name, run in system.rollouts.items():
        if run.model == TRAINED:
            system.horizon_of(name)
            continue
        try:
            shipped.resolve(run.model)
        except UserError as error:
            raise ValueError(f"runs.{name}.model: {error}") from None
        horizon = system.horizon_of(name)
        if run.model in shipped.names():
            model_horizon = float(shipped.record(run.model)["horizon_fs"])
            if abs(model_horizon - horizon) > 1e-6:
                raise ValueError(
                    f"runs.{name}.horizon_fs {horizon:g} is not that of {run.model}, {model_horizon:g}; correct it or "
                    "leave it out"
                )
        stem = Path(run.model).stem if run.model not in shipped.names() else run.model
        if not FOLDER.fullmatch(stem):
            raise ValueError(
                f"runs.{name}.model: {stem!r} becomes a folder name: use letters, digits, . _ and -, but not the form "
                "n…-s… of trained models; rename the file"
            )
        if folders.setdefault((stem, horizon), run.model) != run.model:
            raise ValueError(
                f"runs.{name}.model: {run.model} and {folders[stem, horizon]} would share one folder; rename one"
            )


def _initial(system: SystemSettings) -> None:
    """Check that the initial model of a training exists and has the same network."""
    name = system.training.initial
    if name is None:
        return
    try:
        shipped.resolve(name)
    except UserError as error:
        raise ValueError(f"training.initial: {error}") from None
    if name in shipped.names() and (reason := misfit(shipped.record(name), system.training.network)):
        raise ValueError(f"training.initial {name}: {reason}")


def _multistep(system: SystemSettings) -> None:
    """Check that multistep training has samples of two steps."""
    training = system.training
    if training.multistep_fraction and training.stream is None and system.dataset.get("steps", 1) != 2:
        raise ValueError(
            f"training.multistep_fraction {training.multistep_fraction:g} needs samples of two steps; set "
            "dataset.steps to 2, or multistep_fraction to 0"
        )


def _horizons(system: SystemSettings) -> None:
    distinct("horizons_fs", system.horizons_fs)
    if "horizon_fs" in system.dataset:
        raise ValueError("dataset.horizon_fs does not belong here: each horizon has its own data set")
    keyed = [("horizons_fs", horizon) for horizon in system.horizons_fs]
    keyed += [(f"runs.{run}.horizon_fs", system.horizon_of(run)) for run in system.rollouts]
    for key, horizon in keyed:
        data = system.dataset_at(horizon)
        whole_multiple(horizon, system.reference.nve.interval_fs, key, "reference.nve.interval_fs")
        for name, samples in _samples(system):
            if samples > data.samples.training:
                raise ValueError(
                    f"{name} {samples} is more than dataset.samples.training {data.samples.training}; "
                    "lower the one or raise the other"
                )
    known = system.all_horizons_fs
    for name, horizons in _study_horizons(system).items():
        for horizon in set(horizons) - set(known):
            raise ValueError(
                f"{name} has {horizon:g}, but horizons_fs and runs have {known}; add it there or remove it here"
            )


def _samples(system: SystemSettings) -> list[tuple[str, int]]:
    learning = system.studies.learning
    of_study = [("studies.learning.samples", samples) for samples in (learning.samples if learning else [])]
    return [("training.samples", system.training.samples), *of_study]


def _study_horizons(system: SystemSettings) -> dict[str, list[float]]:
    """Horizons selected by the studies, by key."""
    studies = system.studies
    selected = {
        f"studies.{name}.horizons_fs": getattr(studies, name).horizons_fs
        for name in ("learning", "thermostat", "same_start", "cooling")
        if getattr(studies, name) is not None
    }
    return {name: horizons for name, horizons in selected.items() if horizons is not None}


def _rollout(system: SystemSettings, run: str) -> None:
    rollout, horizon, where = system.rollout_of(run), system.horizon_of(run), f"runs.{run}.rollout"
    frame = horizon * rollout.frame_every
    whole_multiple(
        frame,
        system.reference.nvt.interval_fs,
        f"the frame spacing (fs) of rollout {run},",
        "reference.nvt.interval_fs",
    )
    for name in ("duration_ps", "equilibration_ps"):
        if duration_fs := getattr(rollout, name) * PS:
            whole_multiple(duration_fs, horizon, f"{where}.{name} in fs", "the horizon")
    if rollout.final_temperature_K is not None:
        raise ValueError(
            f"{where}.final_temperature_K {rollout.final_temperature_K:g} does not belong here: the rollout is "
            "compared with MD at constant temperature; use studies.cooling instead"
        )


def _studies(system: SystemSettings) -> None:
    for name in ("thermostat", "cooling"):
        if system.rollout.thermostat is None and getattr(system.studies, name) is not None:
            raise ValueError(
                f"studies.{name} needs a thermostat, but rollout.thermostat is null; "
                f"set a thermostat there or leave studies.{name} out"
            )


def _same_start(system: SystemSettings) -> None:
    if (study := system.studies.same_start) is None:
        return
    for horizon in study.horizons_fs:
        whole_multiple(study.duration_fs, horizon, "studies.same_start.duration_fs", "its horizon")
    recorded_fs = system.reference.nve.duration_ps * PS
    if study.duration_fs > recorded_fs:
        raise ValueError(
            f"studies.same_start.duration_fs {study.duration_fs:g} is longer than the NVE runs, "
            f"reference.nve.duration_ps {system.reference.nve.duration_ps:g}; change one of the two"
        )


def _cooling(system: SystemSettings) -> None:
    if (study := system.studies.cooling) is None:
        return
    name, first_K = "studies.cooling.interval_fs", system.reference.temperature_K
    whole_multiple(study.interval_fs, system.reference.timestep_fs, name, "reference.timestep_fs")
    for horizon in study.horizons_fs or sorted({system.horizon_of(run) for run in system.rollouts}):
        whole_multiple(study.interval_fs, horizon, name, "its horizon")
    if study.final_temperature_K == first_K:
        raise ValueError(
            f"studies.cooling.final_temperature_K {first_K:g} equals reference.temperature_K, where the ramp begins; "
            "change one of the two"
        )
    fit_fs = (system.observables.msd_fit_to_ps or 0.0) * PS
    if study.window_fs < fit_fs:
        raise ValueError(
            f"a window of studies.cooling is {study.window_fs:g} fs long, but observables.msd_fit_to_ps in fs is "
            f"{fit_fs:g}; choose fewer windows, a longer duration_ps or a shorter fit"
        )
