"""What the workflow makes of a configuration: the settings of every stage, and the files that follow from them.

A result's path says what it depends on: the system, the horizon, and the model's number of samples and seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trajcast.config import Config, System, read_config, section_json
from trajcast.files import numbered

CODE = {
    "settings": 1,
    "reference": 1,
    "dataset": 1,
    "train": 2,
    "evaluate": 1,
    "forecast": 2,
    "observe": 1,
    "report": 2,
}
"""Version of each stage's code: raise a stage's number when its results change, and it is run again."""


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

    def nve(self, system: str) -> list[str]:
        """The NVE trajectories; the last is for testing, the one before it for validation, the others for training."""
        runs = self.system(system).reference.nve.runs
        return [f"results/{system}/reference/nve_{run}.h5md" for run in range(1, runs + 1)]

    def horizons(self, system: str) -> list[str]:
        """The horizons (fs) as they stand in paths."""
        return [f"{horizon:g}" for horizon in sorted(self.system(system).horizons_fs)]

    def model(self, system: str) -> str:
        """The folder name of the configured model."""
        training = self.system(system).training
        return f"model-n{training.samples}-s{training.seed}"

    def forecast(self, system: str, horizon: str) -> str:
        """The roll-out of the configured model at one horizon."""
        return f"results/{system}/{horizon}fs/{self.model(system)}/forecast/forecast.h5md"

    def replicas(self) -> dict[int, list[str]]:
        """The systems by their roll-outs' number of replicas."""
        found: dict[int, list[str]] = {}
        for name in self.systems:
            found.setdefault(self.system(name).forecast.replicas, []).append(name)
        return found

    def reported(self, system: str) -> list[str]:
        """What the report shows of every horizon."""
        model = self.model(system)
        files = [
            *(f"{{horizon}}fs/{model}/{name}" for name in ("model.json", "metrics.csv", "test.json")),
            *(f"{{horizon}}fs/{model}/forecast/{name}" for name in ("forecast.h5md", "outcome.json")),
            "observables/{horizon}fs/summary.json",
        ]
        return [f"results/{system}/" + file.format(horizon=h) for h in self.horizons(system) for file in files]


def other_replicas(replicas: int) -> list[str]:
    """What a roll-out writes beside the files of its first replica."""
    names = (Path("forecast.h5md"), Path("outcome.json"))
    return [str(numbered(name, replica)) for replica in range(2, replicas + 1) for name in names]


def _plain(values: Any) -> Any:
    """Snakemake's ordered dictionaries as plain ones, so that messages show values as the user wrote them."""
    if isinstance(values, Mapping):
        return {key: _plain(value) for key, value in values.items()}
    return [_plain(value) for value in values] if isinstance(values, list) else values
