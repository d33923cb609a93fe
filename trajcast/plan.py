"""What the workflow makes of a configuration: the settings of every stage, and the files that follow from them.

A result's path says what it depends on: the system, the horizon, and the model's number of samples and seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from trajcast.config import Config, System, read_config, section_json
from trajcast.errors import UserError
from trajcast.files import numbered
from trajcast.potentials import named
from trajcast.reference.input_files import input_files
from trajcast.settings import Settings
from trajcast.units import PS

Study = TypeVar("Study", bound=Settings)

CODE = {
    "settings": 1,
    "reference": 2,
    "timestep": 1,
    "dataset": 1,
    "train": 2,
    "pretrained": 1,
    "evaluate": 1,
    "forecast": 4,
    "thermostat": 3,
    "same_start": 1,
    "speed": 1,
    "cooling_md": 2,
    "cooling": 1,
    "observe": 3,
    "report": 4,
    "paper": 2,
}
"""Version of each stage's code: raise a stage's number when its results change, and it is run again."""


PRETRAINED = "model-pretrained"
"""The folder name of a finished model that takes the place of training."""


class Plan:
    """The validated configuration with the workflow's questions to it. Paths start at the working directory.

    Raises UserError that names every wrong key of `values`, the content of `config.yaml`.
    """

    def __init__(self, values: Mapping[str, Any]):
        self.config: Config = read_config(_plain(values))

    @property
    def systems(self) -> list[str]:
        """Names of all systems."""
        return list(self.config.systems)

    def system(self, name: str) -> System:
        """One system's sections."""
        return self.config.systems[name]

    def settings(self, system: str, section: str) -> str:
        """One stage's settings as JSON with sorted keys."""
        return section_json(getattr(self.system(system), section))

    def dataset_settings(self, system: str, horizon: str) -> str:
        """The settings of the data set at one horizon (fs, as it stands in the path)."""
        return section_json(self.system(system).dataset_at(float(horizon)))

    def training_settings(self, system: str, samples: str, seed: str) -> str:
        """The settings of the model with the number of samples and the seed that its path names."""
        training = self.system(system).training
        return section_json(replace(training, samples=int(samples), seed=int(seed)))

    def reference_files(self, system: str) -> list[str]:
        """The user's files that the reference system is made from."""
        return input_files(self.system(system).reference)

    def environment(self, system: str) -> str | None:
        """The file of envs/ (its stem) with the potential of the reference; None where its force field is LAMMPS'."""
        potential = self.system(system).reference.potential
        return None if potential is None else named(potential).family.ENVIRONMENT

    def forces_on_gpu(self, system: str) -> bool:
        """Whether the reference may compute its forces on a GPU."""
        reference = self.system(system).reference
        if reference.potential is None or reference.device == "cpu":
            return False
        return "cuda" in named(reference.potential).family.DEVICES

    def nve(self, system: str) -> list[str]:
        """The NVE trajectories; the last is for testing, the one before it for validation, the others for training."""
        runs = self.system(system).reference.nve.runs
        return [f"results/{system}/reference/nve_{run}.h5md" for run in range(1, runs + 1)]

    def horizons(self, system: str) -> list[str]:
        """The horizons (fs) as they stand in paths."""
        return in_paths(self.system(system).horizons_fs)

    def forecast_horizons(self, system: str) -> list[str]:
        """The horizons (fs) that are rolled out and reported, as they stand in paths."""
        return in_paths(self.system(system).rolled_out_fs)

    def model(self, system: str, horizon: str) -> str:
        """The folder name of the model that is rolled out: the configured one, or a finished one in its place."""
        if float(horizon) in self.system(system).pretrained:
            return PRETRAINED
        training = self.system(system).training
        return _trained(training.samples, training.seed)

    def model_folder(self, system: str, horizon: str, samples: int, seed: int) -> str:
        """The folder of a trained model: model.safetensors, model.json, metrics.csv, test.json."""
        return f"results/{system}/{horizon}fs/{_trained(samples, seed)}"

    def main_model_folder(self, system: str, horizon: str) -> str:
        """The folder of the model that is rolled out."""
        return f"results/{system}/{horizon}fs/{self.model(system, horizon)}"

    def forecast(self, system: str, horizon: str) -> str:
        """The roll-out of the configured model at one horizon."""
        return f"{self.main_model_folder(system, horizon)}/forecast/forecast.h5md"

    def replicas(self) -> dict[int, list[str]]:
        """The systems by their roll-outs' number of replicas."""
        found: dict[int, list[str]] = {}
        for name in self.systems:
            found.setdefault(self.system(name).forecast.replicas, []).append(name)
        return found

    def reported(self, system: str) -> list[str]:
        """What the report shows of every horizon."""
        files = []
        for horizon in self.forecast_horizons(system):
            model = self.main_model_folder(system, horizon)
            trained = () if float(horizon) in self.system(system).pretrained else ("metrics.csv",)
            names = ("model.json", *trained, "test.json", "forecast/forecast.h5md", "forecast/outcome.json")
            files += [f"{model}/{name}" for name in names]
            files.append(f"results/{system}/observables/{horizon}fs/summary.json")
        return files

    def pretrained(self, system: str, horizon: str) -> dict[str, str]:
        """The two files of the finished model that takes the place of training at one horizon.

        UserError where there is none.
        """
        model = self.system(system).pretrained.get(float(horizon))
        if model is None:
            raise UserError(f"config.yaml: systems.{system}.pretrained names no model for {horizon} fs; add it there")
        return {"model": model, "card": str(Path(model).with_suffix(".json"))}

    def learning(self, system: str) -> list[tuple[str, int, int]]:
        """Horizon, number of samples and seed of every model of the learning curves."""
        study = self.system(system).studies.learning
        if study is None:
            return []
        return list(product(in_paths(study.horizons_fs), sorted(study.samples), sorted(study.seeds)))

    def thermostat_runs(self, system: str) -> list[tuple[str, float, int]]:
        """Horizon, relaxation time in horizons and seed of every roll-out of the thermostat study."""
        study = self.system(system).studies.thermostat
        if study is None:
            return []
        horizons = in_paths(study.horizons_fs or self.system(system).horizons_fs)
        return list(product(horizons, sorted(study.tau_horizons), sorted(study.seeds)))

    def thermostat_run(self, system: str, horizon: str, tau_horizons: float, seed: int) -> str:
        """The temperatures of one roll-out of the thermostat study: JSON with mean and width."""
        return f"{self.main_model_folder(system, horizon)}/thermostat/tau{tau_horizons:g}-s{seed}.json"

    def thermostat_settings(self, system: str, horizon: str, tau_horizons: str, seed: str) -> str:
        """The roll-out of the thermostat study with this relaxation time and seed: every step a frame."""
        steps = asked_for(system, "thermostat", self.system(system).studies.thermostat).steps
        return self._roll_out(
            system,
            duration_ps=steps * float(horizon) / PS,
            equilibration_ps=max(1, steps // 10) * float(horizon) / PS,
            tau_horizons=float(tau_horizons),
            seed=int(seed),
        )

    def timestep(self, system: str) -> list[str]:
        """The study of the largest time step of the reference, where it is asked for: JSON."""
        return [f"results/{system}/reference/timestep.json"] if self.system(system).studies.timestep else []

    def timestep_settings(self, system: str) -> str:
        """The study's section."""
        return section_json(asked_for(system, "timestep", self.system(system).studies.timestep))

    def same_start(self, system: str) -> list[str]:
        """The horizons (fs) of the roll-outs at constant energy that start where reference MD does."""
        study = self.system(system).studies.same_start
        return in_paths(study.horizons_fs) if study else []

    def same_start_files(self, system: str, horizon: str) -> tuple[str, str]:
        """Reference MD and roll-out from the same state; time 0 of both is the start."""
        folder = f"{self.main_model_folder(system, horizon)}/same_start"
        return f"{folder}/md.h5md", f"{folder}/forecast.h5md"

    def same_start_settings(self, system: str) -> str:
        """The roll-out from a reference state, at constant energy."""
        study = asked_for(system, "same_start", self.system(system).studies.same_start)
        return self._roll_out(system, duration_ps=study.duration_fs / PS, equilibration_ps=0.0, thermostat=None)

    def speed_settings(self, system: str, horizon: str, cell: str) -> str:
        """The roll-out of a supercell whose steps are timed."""
        steps = asked_for(system, "speed", self.system(system).studies.speed).steps
        return self._roll_out(
            system,
            duration_ps=steps * float(horizon) / PS,
            equilibration_ps=0.0,
            supercell=[int(copies) for copies in cell.split("x")],
        )

    def _roll_out(self, system: str, **changes: Any) -> str:
        """The system's roll-out with changes, as one run of which every step is a frame."""
        settings = replace(self.system(system).forecast, frame_every=1, replicas=1)
        return section_json(replace(settings, **changes))

    def speed(self, system: str) -> list[str]:
        """The measured speed of every supercell, at every horizon that is rolled out: JSON."""
        study = self.system(system).studies.speed
        cells = ["x".join(map(str, cell)) for cell in study.supercells] if study else []
        folders = [self.main_model_folder(system, horizon) for horizon in self.forecast_horizons(system)]
        return [f"{folder}/speed/{cell}.json" for folder in folders for cell in cells]


def other_replicas(replicas: int) -> list[str]:
    """What a roll-out writes beside the files of its first replica."""
    names = (Path("forecast.h5md"), Path("outcome.json"))
    return [str(numbered(name, replica)) for replica in range(2, replicas + 1) for name in names]


def asked_for(system: str, name: str, study: Study | None) -> Study:
    """The study; UserError where the configuration does not ask for it."""
    if study is None:
        raise UserError(f"config.yaml: systems.{system}.studies.{name}: missing; add it to ask for its results")
    return study


def _trained(samples: int, seed: int) -> str:
    return f"model-n{samples}-s{seed}"


def in_paths(horizons_fs: Sequence[float]) -> list[str]:
    """Horizons (fs) in order, as they stand in paths."""
    return [f"{horizon:g}" for horizon in sorted(horizons_fs)]


def _plain(values: Any) -> Any:
    """Snakemake's ordered dictionaries as plain ones, so that messages show values as the user wrote them."""
    if isinstance(values, Mapping):
        return {key: _plain(value) for key, value in values.items()}
    return [_plain(value) for value in values] if isinstance(values, list) else values
