"""What the sections of one system must agree on, beyond the rules of each alone."""

from __future__ import annotations

import re
from pathlib import Path

from trajcast import shipped
from trajcast.config.initial_model import misfit
from trajcast.config.schema import TRAINED, SystemSettings
from trajcast.config.settings import distinct, whole_multiple
from trajcast.config.studies import PS
from trajcast.core.errors import UserError
from trajcast.core.plugins import check_name
from trajcast.core.system_spec import SystemSpec

FOLDER = re.compile(r"(?!n\d+-s\d+$)[A-Za-z0-9_][A-Za-z0-9_.-]*")  # what names a finished model's folder


def check(system: SystemSettings | None) -> SystemSettings | None:
    """ValueError that names the keys that do not go together, with the remedy."""
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
    """UserError where settings name atoms or copies that the structure does not have; `where` begins the message."""
    last = spec.n_atoms - 1
    for name, run in system.rollouts.items():
        if run.model in shipped.names():
            known = shipped.record(run.model)["species"]
            if unknown := sorted(set(spec.numbers.tolist()) - set(known)):
                raise UserError(
                    f"{where}.runs.{name}.model: {run.model} knows the elements {_symbols(known)}, "
                    f"not {_symbols(unknown)} of this system; choose a model of these elements"
                )
    for name, atoms in system.observables.dihedrals.items():
        if max(atoms) > last:
            raise UserError(
                f"{where}.observables.dihedrals.{name}: {atoms} has atoms beyond {last}, the last; correct it"
            )
    cells = {f"runs.{run}.rollout.supercell": [system.rollout_of(run).supercell] for run in system.rollouts}
    if speed := system.studies.speed:
        cells["studies.speed.supercells"] = speed.supercells
    for key, supercells in cells.items():
        for cell in supercells:
            if any(n > 1 and not pbc for n, pbc in zip(cell, spec.pbc, strict=True)):
                raise UserError(f"{where}.{key}: {cell} repeats a direction that is not periodic; put 1 there")


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
    """Every model is known, and its folder is its own."""
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
            own = float(shipped.record(run.model)["horizon_fs"])
            if abs(own - horizon) > 1e-6:
                raise ValueError(
                    f"runs.{name}.horizon_fs {horizon:g} is not that of {run.model}, {own:g}; correct it or leave "
                    "it out"
                )
        stem = Path(run.model).stem if run.model not in shipped.names() else run.model
        if not FOLDER.fullmatch(stem):
            raise ValueError(
                f"runs.{name}.model: {stem!r} names a folder: letters, digits, . _ and - without the form n…-s… of "
                "trained models; rename the file"
            )
        if folders.setdefault((stem, horizon), run.model) != run.model:
            raise ValueError(
                f"runs.{name}.model: {run.model} and {folders[stem, horizon]} would have one folder; rename one of them"
            )


def _initial(system: SystemSettings) -> None:
    """The model that trainings go on from is known, and of their kind."""
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
    """What a training's second steps need."""
    training = system.training
    if training.multistep_fraction and training.stream is None and system.dataset.get("steps", 1) != 2:
        raise ValueError(
            f"training.multistep_fraction {training.multistep_fraction:g} needs samples of two steps; set "
            "dataset.steps to 2, or multistep_fraction to 0"
        )


def _horizons(system: SystemSettings) -> None:
    distinct("horizons_fs", system.horizons_fs)
    if "horizon_fs" in system.dataset:
        raise ValueError("dataset.horizon_fs does not belong here: every horizon gets a data set")
    named = [("horizons_fs", horizon) for horizon in system.horizons_fs]
    named += [(f"runs.{run}.horizon_fs", system.horizon_of(run)) for run in system.rollouts]
    for key, horizon in named:
        data = system.dataset_at(horizon)
        whole_multiple(horizon, system.reference.nve.interval_fs, key, "reference.nve.interval_fs")
        for name, samples in _samples(system):
            if samples > data.samples.training:
                raise ValueError(
                    f"{name} {samples} is more than dataset.samples.training {data.samples.training}; "
                    "lower the one or raise the other"
                )
    known = system.all_horizons_fs
    for name, horizons in _asked_for(system).items():
        for horizon in set(horizons) - set(known):
            raise ValueError(
                f"{name} has {horizon:g}, horizons_fs and runs have {known}; add it there or remove it here"
            )


def _samples(system: SystemSettings) -> list[tuple[str, int]]:
    learning = system.studies.learning
    named = [("studies.learning.samples", samples) for samples in (learning.samples if learning else [])]
    return [("training.samples", system.training.samples), *named]


def _asked_for(system: SystemSettings) -> dict[str, list[float]]:
    """The horizons of every key that picks some, by the key's name."""
    studies = system.studies
    chosen = {
        f"studies.{name}.horizons_fs": getattr(studies, name).horizons_fs
        for name in ("learning", "thermostat", "same_start", "cooling")
        if getattr(studies, name) is not None
    }
    return {name: horizons for name, horizons in chosen.items() if horizons is not None}


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
            "compared with MD at constant temperature; ask for studies.cooling in its place"
        )


def _studies(system: SystemSettings) -> None:
    for name in ("thermostat", "cooling"):
        if system.rollout.thermostat is None and getattr(system.studies, name) is not None:
            raise ValueError(
                f"studies.{name} needs a thermostat, but rollout.thermostat is null; "
                f"name one there or leave studies.{name} out"
            )


def _same_start(system: SystemSettings) -> None:
    if (study := system.studies.same_start) is None:
        return
    for horizon in study.horizons_fs:
        whole_multiple(study.duration_fs, horizon, "studies.same_start.duration_fs", "its horizon")
    recorded_fs = system.reference.nve.duration_ps * PS
    if study.duration_fs > recorded_fs:
        raise ValueError(
            f"studies.same_start.duration_fs {study.duration_fs:g} is longer than the NVE runs it starts in, "
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
            f"studies.cooling.final_temperature_K {first_K:g} is reference.temperature_K, where the ramp begins; "
            "change one of the two"
        )
    fit_fs = (system.observables.msd_fit_to_ps or 0.0) * PS
    if study.window_fs < fit_fs:
        raise ValueError(
            f"a window of studies.cooling is {study.window_fs:g} fs long, observables.msd_fit_to_ps in fs is "
            f"{fit_fs:g}; choose fewer windows, a longer duration_ps or a shorter fit"
        )
