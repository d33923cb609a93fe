"""Settings and files of every stage of the workflow, derived from the configuration.

The path of a result contains what it depends on: the system, the horizon, and the model's number of samples and seed.
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
    """The validated configuration and what follows from it. Paths are relative to the working directory.

    Raises:
        UserError: A key or value is wrong; the message lists each with its file.
    """

    def __init__(self, values: Layers | Mapping[str, Any]):
        self.config: Config = read_config(values)

    @property
    def systems(self) -> list[str]:
        """Names of the systems."""
        return list(self.config.kept)

    def system(self, name: str) -> SystemSettings:
        """All sections of one system."""
        return self.config.kept[name]

    def settings(self, system: str, section: str) -> str:
        """Settings of one stage as JSON with sorted keys."""
        return section_json(getattr(self.system(system), section))

    def dataset_settings(self, system: str, horizon: str) -> str:
        """Settings of the data set at one horizon (fs, as written in paths)."""
        return section_json(self.system(system).dataset_at(float(horizon)))

    def training_files(self, system: str) -> dict[str, str]:
        """Inputs of a training besides its data set: an initial model, and the files that streamed pairs need."""
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
        """Number of reference MD processes that run during training."""
        stream = self.system(system).training.stream
        return stream.processes if stream else 0

    def training_settings(self, system: str, samples: str, seed: str) -> str:
        """Training settings of the model with this number of samples and this seed."""
        training = self.system(system).training
        return section_json(replace(training, samples=int(samples), seed=int(seed)))

    def reference_files(self, system: str) -> list[str]:
        """The user's input files of the reference system."""
        return input_files(self.system(system).reference)

    def environment(self, system: str) -> str | None:
        """Stem of the file in envs/ that provides the reference potential; None if LAMMPS provides the force field."""
        potential = self.system(system).reference.potential
        return None if potential is None else named(potential).family.ENVIRONMENT

    def forces_on_gpu(self, system: str) -> bool:
        """Whether reference forces may be computed on a GPU."""
        reference = self.system(system).reference
        if reference.potential is None or reference.device == "cpu":
            return False
        return "cuda" in named(reference.potential).family.DEVICES

    def nve(self, system: str) -> list[str]:
        """NVE trajectories; the last is for testing, the one before for validation, the others for training."""
        runs = self.system(system).reference.nve.runs
        return [at(layout.NVE, system=system, run=run) for run in range(1, runs + 1)]

    def nvt(self, system: str) -> list[str]:
        """NVT trajectories: one, and a second if requested."""
        second = [] if self.system(system).reference.nvt.second_run_ps is None else [layout.SECOND_NVT]
        return [at(pattern, system=system) for pattern in (layout.NVT, *second)]

    def horizons(self, system: str) -> list[str]:
        """Horizons (fs) of training and rollouts, as written in paths."""
        return in_paths(self.system(system).all_horizons_fs)

    def runs(self, system: str) -> list[str]:
        """Names of the rollouts in the report."""
        return list(self.system(system).rollouts)

    def run_horizon(self, system: str, run: str) -> str:
        """Horizon (fs) of a rollout, as written in paths."""
        return f"{self.system(system).horizon_of(run):g}"

    def rollout_horizons(self, system: str) -> list[str]:
        """Horizons (fs) of the rollouts, as written in paths."""
        return in_paths({self.system(system).horizon_of(run) for run in self.runs(system)})

    def main_run(self, system: str, horizon: str) -> str | None:
        """The first rollout at a horizon; its model represents the horizon in studies and published figures."""
        return next((run for run in self.runs(system) if self.run_horizon(system, run) == horizon), None)

    def model(self, system: str, run: str) -> str:
        """Name of the folder of a rollout's model."""
        model, training = self.system(system).rollouts[run].model, self.system(system).training
        if model == TRAINED:
            return _trained(training.samples, training.seed)
        return f"model-{model if model in shipped.names() else Path(model).stem}"

    def run_model_folder(self, system: str, run: str) -> str:
        """Folder of a rollout's model: model.safetensors, model.json, test.json and, if trained here, metrics.csv."""
        horizon, model = self.run_horizon(system, run), self.model(system, run)
        return at(layout.MODEL_FOLDER, system=system, horizon=horizon, model=model)

    def run_model(self, system: str, run: str) -> dict[str, str]:
        """The two files of a rollout's model."""
        folder = self.run_model_folder(system, run)
        return {"model": f"{folder}/{layout.WEIGHTS_FILE}", "card": f"{folder}/{layout.RECORD_FILE}"}

    def run_folder(self, system: str, run: str) -> str:
        """Folder of a rollout and its observables."""
        return at(layout.RUN, system=system, run=run)

    def model_folder(self, system: str, horizon: str, samples: int, seed: int) -> str:
        """Folder of a trained model."""
        return at(layout.TRAINED_FOLDER, system=system, horizon=horizon, samples=samples, seed=seed)

    def main_model(self, system: str, horizon: str) -> str:
        """Name of the folder of the model that represents a horizon: that of its first rollout, or the trained one."""
        run, training = self.main_run(system, horizon), self.system(system).training
        return _trained(training.samples, training.seed) if run is None else self.model(system, run)

    def main_model_folder(self, system: str, horizon: str) -> str:
        """Folder of the model that represents a horizon."""
        return at(layout.MODEL_FOLDER, system=system, horizon=horizon, model=self.main_model(system, horizon))

    def rollout_settings(self, system: str, run: str) -> str:
        """Settings of one rollout."""
        return section_json(self.system(system).rollout_of(run))

    def replicas(self) -> dict[int, str]:
        """Regular expression for the `system` wildcard of the rollouts with each number of replicas.

        A lookahead to the name of the run selects the right combinations of system and run.
        """
        patterns: dict[int, list[str]] = {}
        for system in self.systems:
            for run in self.runs(system):
                replicas = self.system(system).rollout_of(run).replicas
                patterns.setdefault(replicas, []).append(rf"{system}(?=/runs/{re.escape(run)}/)")
        return {replicas: "|".join(alternatives) for replicas, alternatives in patterns.items()}

    def replica_files(self, system: str, run: str) -> list[str]:
        """Files of a rollout's replicas after the first.

        Later stages read only the first, but require all: Snakemake notices changed settings only of rules whose
        outputs all exist already.
        """
        names = other_replicas(self.system(system).rollout_of(run).replicas)
        return [f"{self.run_folder(system, run)}/{name}" for name in names]

    def reported(self, system: str) -> list[str]:
        """Files of models and rollouts that the report shows."""
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
        """The two files of a finished model used in a rollout.

        Raises:
            UserError: No rollout has this model.
        """
        for run in self.runs(system):
            model = self.system(system).rollouts[run].model
            if model != TRAINED and (self.run_horizon(system, run), self.model(system, run)) == (horizon, name):
                path = shipped.resolve(model)
                return {"model": str(path), "card": str(path.with_suffix(".json"))}
        raise UserError(f"config.yaml: systems.{system}.runs: none has the model {name!r} at {horizon} fs; add one")

    def judged_by(self, system: str, run: str) -> dict[str, str]:
        """Files that a rollout is compared with: `md`, and optionally a `second` MD run, assessed like a rollout.

        If long reference MD with the settings of this system is shipped at the rollout's frame spacing, `md` is its
        summary and `second` the NVT run made here.
        """
        section, nvt = self.system(system), at(layout.NVT, system=system)
        spacing_fs = section.horizon_of(run) * section.rollout_of(run).frame_every
        if section.shipped_reference:
            summary = references.matching(section.reference, section.observables, spacing_fs)
            if summary is not None:
                return {"md": str(summary / references.RECORD), "second": nvt}
        return dict(zip(("md", "second"), self.nvt(system), strict=False))


def other_replicas(replicas: int) -> list[str]:
    """Names of the files that a rollout writes for its second and further replicas."""
    names = (Path(layout.ROLLOUT_FILE), Path(layout.OUTCOME_FILE))
    return [str(numbered(name, replica)) for replica in range(2, replicas + 1) for name in names]


def _trained(samples: int, seed: int) -> str:
    return at(layout.TRAINED, samples=samples, seed=seed)


def in_paths(horizons_fs: Iterable[float]) -> list[str]:
    """Sorted horizons (fs), as written in paths."""
    return [f"{horizon:g}" for horizon in sorted(horizons_fs)]
