"""What the workflow makes of a configuration: the settings of every stage, and the files that follow from them.

A result's path says what it depends on: the system, the horizon, and the model's number of samples and seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from trajcast import shipped
from trajcast.config.configuration import Config, read_config
from trajcast.config.files import Layers
from trajcast.config.potential_names import named
from trajcast.config.schema import TRAINED, SystemSettings
from trajcast.config.settings import Settings
from trajcast.config.validation import section_json
from trajcast.core.errors import UserError
from trajcast.io import layout
from trajcast.io.files import numbered
from trajcast.io.layout import at
from trajcast.observables import references
from trajcast.reference.input_files import input_files

Study = TypeVar("Study", bound=Settings)


class Plan:
    """The validated configuration with the workflow's questions to it. Paths start at the working directory.

    Raises UserError that names every wrong key of `values`, and the file it stands in.
    """

    def __init__(self, values: Layers | Mapping[str, Any]):
        self.config: Config = read_config(values)

    @property
    def systems(self) -> list[str]:
        """Names of all systems."""
        return list(self.config.kept)

    def system(self, name: str) -> SystemSettings:
        """One system's sections."""
        return self.config.kept[name]

    def settings(self, system: str, section: str) -> str:
        """One stage's settings as JSON with sorted keys."""
        return section_json(getattr(self.system(system), section))

    def dataset_settings(self, system: str, horizon: str) -> str:
        """The settings of the data set at one horizon (fs, as it stands in the path)."""
        return section_json(self.system(system).dataset_at(float(horizon)))

    def training_files(self, system: str) -> dict[str, str]:
        """What a training takes beside its data set: an earlier model, and what fresh pairs are made from."""
        training = self.system(system).training
        files: dict[str, str] = {}
        if training.initial is not None:
            path = shipped.resolve(training.initial)
            files |= {"initial": str(path), "initial_card": str(path.with_suffix(".json"))}
        if training.stream is not None:
            files |= {
                "reference": at(layout.REFERENCE_SETTINGS, system=system),
                "starts": at(layout.STARTS, system=system),
            }
        return files

    def streams(self, system: str) -> int:
        """How many processes of reference MD run beside a training."""
        stream = self.system(system).training.stream
        return stream.processes if stream else 0

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
        return [at(layout.NVE, system=system, run=run) for run in range(1, runs + 1)]

    def nvt(self, system: str) -> list[str]:
        """The NVT trajectories: one, and a second where it is asked for."""
        second = [] if self.system(system).reference.nvt.second_run_ps is None else [layout.SECOND_NVT]
        return [at(pattern, system=system) for pattern in (layout.NVT, *second)]

    def horizons(self, system: str) -> list[str]:
        """All horizons (fs), of training and of rollouts, as they stand in paths."""
        return in_paths(self.system(system).all_horizons_fs)

    def runs(self, system: str) -> list[str]:
        """The names of the rollouts that are judged."""
        return list(self.system(system).rollouts)

    def run_horizon(self, system: str, run: str) -> str:
        """The horizon (fs) of a rollout as it stands in paths."""
        return f"{self.system(system).horizon_of(run):g}"

    def rollout_horizons(self, system: str) -> list[str]:
        """The horizons (fs) that are rolled out, as they stand in paths."""
        return in_paths({self.system(system).horizon_of(run) for run in self.runs(system)})

    def main_run(self, system: str, horizon: str) -> str | None:
        """The first rollout at a horizon, whose model stands for it in studies and published figures."""
        return next((run for run in self.runs(system) if self.run_horizon(system, run) == horizon), None)

    def model(self, system: str, run: str) -> str:
        """The folder name of a rollout's model."""
        model, training = self.system(system).rollouts[run].model, self.system(system).training
        if model == TRAINED:
            return _trained(training.samples, training.seed)
        return f"model-{model if model in shipped.names() else Path(model).stem}"

    def run_model_folder(self, system: str, run: str) -> str:
        """The folder of a rollout's model: model.safetensors, model.json, test.json; metrics.csv of a trained one."""
        horizon, model = self.run_horizon(system, run), self.model(system, run)
        return at(layout.MODEL_FOLDER, system=system, horizon=horizon, model=model)

    def run_folder(self, system: str, run: str) -> str:
        """The folder of a rollout and of what is observed on it."""
        return at(layout.RUN, system=system, run=run)

    def model_folder(self, system: str, horizon: str, samples: int, seed: int) -> str:
        """The folder of a trained model."""
        return at(layout.TRAINED_FOLDER, system=system, horizon=horizon, samples=samples, seed=seed)

    def main_model(self, system: str, horizon: str) -> str:
        """The folder name of the model that stands for a horizon: that of its first rollout, or the trained one."""
        run, training = self.main_run(system, horizon), self.system(system).training
        return _trained(training.samples, training.seed) if run is None else self.model(system, run)

    def main_model_folder(self, system: str, horizon: str) -> str:
        """The folder of that model."""
        return at(layout.MODEL_FOLDER, system=system, horizon=horizon, model=self.main_model(system, horizon))

    def rollout_settings(self, system: str, run: str) -> str:
        """The settings of one rollout."""
        return section_json(self.system(system).rollout_of(run))

    def replicas(self) -> dict[int, str]:
        """For each number of replicas the systems whose rollouts have so many, as a regular expression.

        It looks ahead in the path to the names of the runs: systems and runs belong together.
        """
        found: dict[int, list[str]] = {}
        for system in self.systems:
            for run in self.runs(system):
                replicas = self.system(system).rollout_of(run).replicas
                found.setdefault(replicas, []).append(rf"{system}(?=/runs/{re.escape(run)}/)")
        return {replicas: "|".join(pairs) for replicas, pairs in found.items()}

    def reported(self, system: str) -> list[str]:
        """What the report shows of every rollout."""
        files = []
        for run in self.runs(system):
            trained = (layout.METRICS_FILE,) if self.system(system).rollouts[run].model == TRAINED else ()
            files += [
                f"{self.run_model_folder(system, run)}/{name}"
                for name in (layout.RECORD_FILE, *trained, layout.TEST_FILE)
            ]
            files += [
                at(pattern, system=system, run=run) for pattern in (layout.ROLLOUT, layout.OUTCOME, layout.SUMMARY)
            ]
        return list(dict.fromkeys(files))

    def finished_model(self, system: str, horizon: str, name: str) -> dict[str, str]:
        """The two files of a finished model that a rollout names; UserError where none does."""
        for run in self.runs(system):
            model = self.system(system).rollouts[run].model
            if model != TRAINED and (self.run_horizon(system, run), self.model(system, run)) == (horizon, name):
                path = shipped.resolve(model)
                return {"model": str(path), "card": str(path.with_suffix(".json"))}
        raise UserError(f"config.yaml: systems.{system}.runs: none has the model {name!r} at {horizon} fs; add one")

    def judged_by(self, system: str, run: str) -> dict[str, str]:
        """What a rollout is compared with: `md`, and a `second` MD run that is judged as if it were a rollout.

        Where long reference MD of this system's settings is shipped, at the rollout's frame spacing, `md` is its
        summary and the NVT run made here the second.
        """
        section, nvt = self.system(system), at(layout.NVT, system=system)
        spacing_fs = section.horizon_of(run) * section.rollout_of(run).frame_every
        if section.shipped_reference:
            found = references.matching(section.reference, section.observables, spacing_fs)
            if found is not None:
                return {"md": str(found / references.RECORD), "second": nvt}
        return dict(zip(("md", "second"), self.nvt(system), strict=False))


def other_replicas(replicas: int) -> list[str]:
    """What a rollout writes beside the files of its first replica."""
    names = (Path(layout.ROLLOUT_FILE), Path(layout.OUTCOME_FILE))
    return [str(numbered(name, replica)) for replica in range(2, replicas + 1) for name in names]


def _trained(samples: int, seed: int) -> str:
    return at(layout.TRAINED, samples=samples, seed=seed)


def in_paths(horizons_fs: Iterable[float]) -> list[str]:
    """Horizons (fs) in order, as they stand in paths."""
    return [f"{horizon:g}" for horizon in sorted(horizons_fs)]
