"""The whole of `config.yaml`: one block per system, whose sections must agree with each other."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from trajcast.config.checks import check
from trajcast.config.files import Layers
from trajcast.config.machine import MachineSettings
from trajcast.config.schema import Name, Section, SystemSettings
from trajcast.config.validation import validate


class Config(Section):
    """The whole of `config.yaml`."""

    systems: dict[
        Name, Annotated[SystemSettings, AfterValidator(check)] | None
    ]  # null takes a system of the configuration below away
    machine: MachineSettings = MachineSettings()

    @property
    def kept(self) -> dict[str, SystemSettings]:
        """The systems that are not taken away."""
        return {name: system for name, system in self.systems.items() if system is not None}

    @model_validator(mode="after")
    def _own_folders(self) -> Config:
        if not self.kept:
            raise ValueError("systems: none is left; add one")
        if "paper" in self.systems:
            raise ValueError("no system can be called paper: results/paper has the published figures; rename it")
        return self


def read_config(values: Layers | Any) -> Config:
    """The whole configuration, from its files or from plain values."""
    if isinstance(values, Layers):
        return validate(Config, values.values, values)
    return validate(Config, values, "config.yaml")
