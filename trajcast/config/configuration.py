"""The complete configuration: one block per system, whose sections must agree with each other."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from trajcast.config.checks import check
from trajcast.config.files import Layers
from trajcast.config.machine import MachineSettings
from trajcast.config.schema import Name, Section, SystemSettings
from trajcast.config.validation import validate


class Config(Section):
    """The complete configuration, `config.yaml` with its overlays."""

    systems: dict[Name, Annotated[SystemSettings, AfterValidator(check)] | None]  # null removes a system
    machine: MachineSettings = MachineSettings()

    @property
    def kept(self) -> dict[str, SystemSettings]:
        """The systems that are not removed."""
        return {name: system for name, system in self.systems.items() if system is not None}

    @model_validator(mode="after")
    def _own_folders(self) -> Config:
        if not self.kept:
            raise ValueError("systems: none is left; add one")
        if "paper" in self.systems:
            raise ValueError("no system can be called paper: results/paper holds the published figures; rename it")
        return self


def read_config(values: Layers | Any) -> Config:
    """Validate the configuration, given as files or plain values.

    Raises:
        UserError: A key or value is wrong.
    """
    if isinstance(values, Layers):
        return validate(Config, values.values, values)
    return validate(Config, values, "config.yaml")
